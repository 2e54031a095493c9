#include "conf/paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One kind of directory: its variable of systemd's, the system's place, the user's variable. */
struct place {
    const char *unit_env; /* may be a colon-separated list; the first is meant */
    const char *system;   /* "/run/bowfin" */
    const char *parent;   /* "/run" */
    const char *user_env; /* XDG base directory */
};

static const struct place state_place = {"STATE_DIRECTORY", "/var/lib/bowfin", "/var/lib",
                                         "XDG_STATE_HOME"};
static const struct place run_place = {"RUNTIME_DIRECTORY", "/run/bowfin", "/run",
                                       "XDG_RUNTIME_DIR"};

const char *paths_config(void)
{
    return access(PATHS_CONFIG, F_OK) == 0 ? PATHS_CONFIG : NULL;
}

static BF_PRINTF(4, 5) int format(char *out, size_t room, struct error *err, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(out, room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room)
        return error_set(err, "%.80s...: the path is longer than %zu bytes", out, room - 1);
    return 0;
}

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool usable(const struct place *p)
{
    if (access(p->system, F_OK) == 0)
        return access(p->system, R_OK | W_OK | X_OK) == 0;
    return errno == ENOENT && access(p->parent, W_OK | X_OK) == 0;
}

/* Below the user's own directories; /tmp when the environment knows none. */
static int user_place(const struct place *p, char *out, size_t room, struct error *err)
{
    const char *base = env(p->user_env);

    if (base != NULL)
        return format(out, room, err, "%s/bowfin", base);
    base = p == &state_place ? env("HOME") : NULL;
    if (base != NULL)
        return format(out, room, err, "%s/.local/state/bowfin", base);
    return format(out, room, err, "/tmp/bowfin-%s-%ld", p == &state_place ? "state" : "run",
                  (long)geteuid());
}

static int choose(const struct place *p, const char *given, char *out, size_t room,
                  struct error *err)
{
    const char *unit = env(p->unit_env);

    if (given != NULL)
        return format(out, room, err, "%s", given);
    if (unit != NULL)
        return format(out, room, err, "%.*s", (int)strcspn(unit, ":"), unit);
    if (usable(p))
        return format(out, room, err, "%s", p->system);
    return user_place(p, out, room, err);
}

int paths_state(const char *given, char *out, size_t room, struct error *err)
{
    return choose(&state_place, given, out, room, err);
}

int paths_run(const char *given, char *out, size_t room, struct error *err)
{
    return choose(&run_place, given, out, room, err);
}

static int socket_in(const char *directory, char *out, size_t room, struct error *err)
{
    return format(out, room, err, "%s/%s", directory, PATHS_SOCKET);
}

int paths_socket(char *out, size_t room, struct error *err)
{
    char directory[4096];

    /* Whoever may talk to the daemon need not be able to write where it keeps its socket. */
    if (env(run_place.unit_env) == NULL) {
        if (socket_in(run_place.system, out, room, err) == 0 && access(out, F_OK) == 0)
            return 0;
        if (user_place(&run_place, directory, sizeof(directory), err) == 0 &&
            socket_in(directory, out, room, err) == 0 && access(out, F_OK) == 0)
            return 0;
    }
    if (paths_run(NULL, directory, sizeof(directory), err) != 0)
        return -1;
    return socket_in(directory, out, room, err);
}
