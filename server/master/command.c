#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/paths.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "server/master/apply.h"
#include "server/master/listen.h"
#include "server/master/listeners.h"
#include "server/master/master.h"
#include "server/master/options.h"
#include "server/master/privileges.h"
#include "server/master/start.h"

static int help(void)
{
    struct buf text = BUF_INIT;
    int rc;

    options_help(&text);
    rc = fd_write_all(STDOUT_FILENO, text.data, text.len);
    buf_fini(&text);
    return rc == 0 ? 0 : EXIT_MACHINE;
}

/* `bowfin -t`: all that can be told without touching a socket, a store or a running daemon. */
static int check(const struct options *o)
{
    const char *path = o->config_path != NULL ? o->config_path : paths_config();
    struct error err = ERROR_INIT;
    struct config *conf = NULL;

    if (apply_load(path, o, &conf, &err) != 0 || listeners_check(conf, &err) != 0) {
        (void)dprintf(STDOUT_FILENO, "%s\n", err.text);
        config_free(conf);
        return EXIT_CONFIG;
    }
    for (size_t i = 0; i < conf->n_warnings; i++)
        (void)dprintf(STDOUT_FILENO, "warning: %s\n", conf->warnings[i]);
    config_free(conf);
    (void)dprintf(STDOUT_FILENO, "%s: ok\n", path != NULL ? path : "(no file)");
    return 0;
}

/* The mock provider without a gateway: no master, no regions. */
static int mock(const struct options *o)
{
    static struct inherit in = {
        .control = -1, .log_level = LOG_INFO, .sample_fd = -1, .record_fd = -1, .admin_fd = -1};
    struct error err = ERROR_INIT;

    if (o->n_listen > 1) {
        (void)dprintf(STDERR_FILENO, "bowfin: mock listens on one address\n");
        return EXIT_USAGE;
    }
    in.mock_fd = listen_bind(o->n_listen == 1 ? o->listen[0] : "127.0.0.1:8081", &err);
    if (in.mock_fd < 0) {
        (void)dprintf(STDERR_FILENO, "bowfin: %s\n", err.text);
        return EXIT_MACHINE;
    }
    privileges_raise_files();
    return mock_main(&in);
}

int master_command(int argc, char **argv)
{
    struct options options;
    struct error err = ERROR_INIT;

    log_init("master", LOG_INFO);
    if (options_parse(argc, argv, &options, &err) != 0) {
        (void)dprintf(STDERR_FILENO, "bowfin: %s\nTry bowfin --help.\n", err.text);
        return EXIT_USAGE;
    }
    switch (options.command) {
    case COMMAND_HELP:
        return help();
    case COMMAND_VERSION:
        (void)dprintf(STDOUT_FILENO, "bowfin %s\n", BF_VERSION);
        return 0;
    case COMMAND_CHECK:
        return check(&options);
    case COMMAND_MOCK:
        return mock(&options);
    default:
        return master_run(&options);
    }
}
