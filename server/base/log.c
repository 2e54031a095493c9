#include "server/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Set once after fork and then only read. */
static char process[32] = "-";
static enum log_level threshold = LOG_INFO;

void log_init(const char *proc, enum log_level level)
{
    (void)snprintf(process, sizeof(process), "%s", proc); /* cut is fine */
    threshold = level;
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

int log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

/* Text from outside must not start a line of its own or hide what follows. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
    }
}

void log_write(struct log_site *site, enum log_level level, const char *event, const char *fmt, ...)
{
    int saved = errno;
    char line[LOG_LINE_MAX];
    struct timespec now;
    struct tm tm;
    va_list args;
    int n;
    int tail;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (site->second != (uint64_t)now.tv_sec) {
        site->second = (uint64_t)now.tv_sec;
        site->n = 0;
    }
    if (++site->n > LOG_BURST)
        return;
    (void)gmtime_r(&now.tv_sec, &tm);
    n = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s proc=%s event=%s%s ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 now.tv_nsec / 1000000, level_names[level], process, event,
                 site->n == LOG_BURST ? " more=suppressed" : "");
    va_start(args, fmt);
    tail = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, args);
    va_end(args);
    if (tail > 0)
        n += (int)min_u64((uint64_t)tail, sizeof(line) - (size_t)n - 2);
    line[n] = '\0';
    clean(line);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* a log that cannot be written must not stop the service */
    }
    errno = saved;
}
