#include "server/master/dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/base/str.h"

#define ADMIN_TOKEN_LEN 43 /* 256 bits in base64 */
#define PATH_ROOM 512

static int make_parents(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        int rc;

        if (*p != '/')
            continue;
        *p = '\0';
        rc = mkdir(path, 0755);
        *p = '/';
        if (rc != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS)
            return -1;
    }
    return 0;
}

int dirs_make(const char *path, mode_t mode, struct error *err)
{
    char copy[PATH_ROOM];
    struct stat st;
    int n = snprintf(copy, sizeof(copy), "%s", path);

    if (n <= 0 || (size_t)n >= sizeof(copy))
        return error_set(err, "%.80s: the path is empty or too long", path);
    if (make_parents(copy) != 0)
        return error_errno(err, "cannot make %s", path);
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 ? 0 : error_errno(err, "%s", path);
    if (errno != EEXIST)
        return error_errno(err, "cannot make %s", path);
    if (lstat(path, &st) != 0)
        return error_errno(err, "%s", path);
    /* A link in a place where others may write could lead anywhere. */
    if (S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(err, "%s: is a link of user %ld's; not followed", path, (long)st.st_uid);
    if (stat(path, &st) != 0)
        return error_errno(err, "%s", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, "%s: is not a directory", path);
    if (geteuid() != 0 && st.st_uid != geteuid())
        return error_set(err, "%s: belongs to user %ld, not to you; choose another directory", path,
                         (long)st.st_uid);
    if ((st.st_mode & S_IWOTH) != 0)
        return error_set(err, "%s: everyone may write there; chmod o-w it or choose another", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return error_errno(err, "%s", path);
    return 0;
}

/* Whoever has the lock, in words; false: it cannot be read. */
static bool read_holder(int fd, char out[32])
{
    ssize_t len = pread(fd, out, 31, 0);

    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return len >= 0;
}

/* Dead, and whoever started it has not asked yet: in a container that may be never. */
static bool is_zombie(uint64_t pid)
{
    char path[64];
    struct buf stat = BUF_INIT;
    struct error err = ERROR_INIT;
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    if (fd_read_file(path, 4096, &stat, &err) == 0) {
        buf_char(&stat, '\0');
        const char *name_end = strrchr(stat.data, ')'); /* a name may have all but NUL in it */
        found = name_end != NULL && strncmp(name_end, ") Z", 3) == 0;
    }
    buf_fini(&stat);
    return found;
}

/* The master that wrote its pid has died, and its aggregator still stores what is left. */
static bool is_orphaned(const char *holder)
{
    uint64_t pid;

    return str_parse_u64(str_of(holder), &pid) && pid > 0 && pid < INT32_MAX &&
           ((kill((pid_t)pid, 0) != 0 && errno == ESRCH) || is_zombie(pid));
}

/* Budgets begin with what the journal has: an orphan's last records must be in it. */
static int wait_lock(int fd, const char *path, const char *state_dir, struct error *err)
{
    uint64_t end_ms = clock_mono_ms() + ORPHANS_WAIT_MS;
    char holder[32] = "?";
    bool is_told = false;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || !read_holder(fd, holder))
            return error_errno(err, "%s", path);
        if (!is_orphaned(holder))
            return error_set(err,
                             "%s is in use by another bowfin (pid %s); stop it or choose another "
                             "--state",
                             state_dir, holder);
        if (clock_mono_ms() >= end_ms)
            return error_set(err,
                             "%s: bowfin (pid %s) has died, and its workers still answer; wait "
                             "until they end, or end them",
                             state_dir, holder);
        if (!is_told)
            log_info("waiting_for_orphans", "of=%s note=\"they store what was spent\"", holder);
        is_told = true;
        (void)poll(NULL, 0, ORPHANS_LOOK_MS); /* no signal tells of a lock */
    }
    return 0;
}

int dirs_lock(const char *state_dir, struct error *err)
{
    char path[PATH_ROOM];
    char holder[32];
    int n = snprintf(path, sizeof(path), "%s/bowfin.lock", state_dir);
    int fd;

    if (n < 0 || (size_t)n >= sizeof(path))
        return error_set(err, "%.80s: the path is too long", state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, "%s", path);
    if (wait_lock(fd, path, state_dir, err) != 0) {
        fd_close(&fd);
        return -1;
    }
    n = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)n, 0) != n) {
        error_errno(err, "%s", path);
        fd_close(&fd);
        return -1;
    }
    return fd;
}

/* To whom, and what the messages call the directory. */
struct gift {
    uid_t uid;
    gid_t gid;
    const char *shown;
};

static int give_one(const struct gift *g, int dir, const char *name, struct error *err)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : error_errno(err, "%s/%s", g->shown, name);
    /* Only what root made here itself: a second name of a file elsewhere is not given away. */
    if (st.st_uid != 0 || S_ISLNK(st.st_mode) || (!S_ISDIR(st.st_mode) && st.st_nlink != 1))
        return 0;
    if (fchownat(dir, name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(err, "cannot give %s/%s to user %ld", g->shown, name, (long)g->uid);
    return 0;
}

/* Takes fd. */
static int give_in(const struct gift *g, int fd, int levels, struct error *err)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int rc = 0;

    if (dir == NULL) {
        fd_close(&fd);
        return error_errno(err, "%s", g->shown);
    }
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        int below;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = give_one(g, dirfd(dir), entry->d_name, err);
        if (rc != 0 || levels == 1)
            continue;
        below = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            rc = give_in(g, below, levels - 1, err);
    }
    (void)closedir(dir);
    return rc;
}

int dirs_give(const char *path, uid_t uid, gid_t gid, struct error *err)
{
    const struct gift g = {uid, gid, path};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(err, "%s", path);
    if (fchown(fd, uid, gid) != 0) {
        error_errno(err, "cannot give %s to user %ld", path, (long)uid);
        fd_close(&fd);
        return -1;
    }
    return give_in(&g, fd, 2, err);
}

int dirs_admin_token(const char *state_dir, char *out, size_t room, struct error *err)
{
    char path[PATH_ROOM];
    char made[ADMIN_TOKEN_LEN + 1];
    struct buf text = BUF_INIT;
    struct str token;
    int n = snprintf(path, sizeof(path), "%s/admin.token", state_dir);
    int rc = -1;

    if (n < 0 || (size_t)n >= sizeof(path))
        return error_set(err, "%.80s: the path is too long", state_dir);
    if (access(path, F_OK) != 0) {
        crypto_token(made, ADMIN_TOKEN_LEN);
        buf_printf(&text, "%s\n", made);
        if (fd_write_file(path, buf_view(&text), 0600, err) != 0)
            goto out;
    } else if (fd_read_file(path, 4096, &text, err) != 0) {
        goto out;
    }
    token = buf_view(&text);
    while (token.len > 0 && (token.p[token.len - 1] == '\n' || token.p[token.len - 1] == '\r'))
        token.len--;
    if (token.len < 16 || token.len >= room) {
        error_set(err, "%s: must be one line of 16 to %zu characters; remove it to have one made",
                  path, room - 1);
        goto out;
    }
    memcpy(out, token.p, token.len);
    out[token.len] = '\0';
    rc = 0;
out:
    if (text.data != NULL)
        crypto_wipe(text.data, text.cap);
    crypto_wipe(made, sizeof(made));
    buf_fini(&text);
    return rc;
}
