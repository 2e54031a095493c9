#include "server/master/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* LeakSanitizer looks at its process from outside when it ends, which "not dumpable" forbids. */
#if defined(__SANITIZE_ADDRESS__)
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

int privileges_find(const char *user, struct identity *out, struct error *err)
{
    struct passwd *entry;

    *out = (struct identity){false, geteuid(), getegid()};
    if (geteuid() != 0)
        return 0;
    errno = 0;
    entry = getpwnam(user);
    if (entry == NULL) {
        if (strcmp(user, DEFAULT_USER) == 0)
            return 0;
        return error_set(err, "user: there is no user \"%s\" on this machine", user);
    }
    if (entry->pw_uid == 0)
        return 0;
    *out = (struct identity){true, entry->pw_uid, entry->pw_gid};
    return 0;
}

int privileges_drop(const struct identity *who, struct error *err)
{
    if (who->change) {
        if (setgroups(0, NULL) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
            setresuid(who->uid, who->uid, who->uid) != 0)
            return error_errno(err, "cannot become user %ld", (long)who->uid);
        if (setuid(0) == 0)
            return error_set(err, "user %ld could become root again", (long)who->uid);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_errno(err, "no_new_privs");
    /* Provider keys and prompts are in these processes' memory. */
    if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) != 0)
        return error_errno(err, "dumpable");
    return 0;
}

void privileges_raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* what there is will do */
    }
}
