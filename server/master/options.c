#include "server/master/options.h"

#include <getopt.h>
#include <string.h>

#include "server/base/str.h"

static const struct row {
    const char *name;
    char letter;
    const char *argument; /* NULL: none */
    bool for_mock;
    const char *help;
} rows[] = {
    {"config", 'c', "FILE", false, "configuration (default /etc/bowfin/bowfin.yaml, else none)"},
    {"test", 't', NULL, false, "only check the configuration"},
    {"listen", 'l', "ADDR", true, "listen here instead; may be repeated; port 0 takes a free one"},
    {"state", 's', "DIR", false, "databases (default /var/lib/bowfin)"},
    {"run", 'r', "DIR", false, "sockets (default /run/bowfin)"},
    {"workers", 'w', "N", false, "worker processes (default one per core)"},
    {"version", 'V', NULL, true, "print the version"},
    {"help", 'h', NULL, true, "print this"},
};

void options_help(struct buf *out)
{
    buf_cstr(out, "usage: bowfin [OPTION]...              run the gateway in the foreground\n"
                  "       bowfin mock [--listen ADDR]     run the mock provider alone\n\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];

        buf_printf(out, "  -%c, --%s%s%-*s %s\n", r->letter, r->name,
                   r->argument != NULL ? " " : "",
                   (int)(16 - strlen(r->name) - (r->argument != NULL ? 1 : 0)),
                   r->argument != NULL ? r->argument : "", r->help);
    }
    buf_cstr(out, "\nSignals: HUP reloads, TERM drains, a second TERM stops now.\n"
                  "See bowfin(8), bowfin.yaml(5) and bfctl(1).\n");
}

static int take(struct options *o, char letter, const char *value, struct error *err)
{
    uint64_t n;

    switch (letter) {
    case 'c':
        o->config_path = value;
        return 0;
    case 't':
        o->command = COMMAND_CHECK;
        return 0;
    case 'l':
        if (o->n_listen == LISTENERS_MAX)
            return error_set(err, "--listen: at most %d", LISTENERS_MAX);
        o->listen[o->n_listen++] = value;
        return 0;
    case 's':
        o->state_dir = value;
        return 0;
    case 'r':
        o->run_dir = value;
        return 0;
    case 'w':
        if (!str_parse_u64(str_of(value), &n) || n == 0 || n > SLOTS_MAX / 2)
            return error_set(err, "--workers must be a number from 1 to %d, is \"%s\"",
                             SLOTS_MAX / 2, value);
        o->workers = (uint32_t)n;
        return 0;
    case 'V':
        o->command = COMMAND_VERSION;
        return 0;
    default:
        o->command = COMMAND_HELP;
        return 0;
    }
}

static const struct row *row_of(int letter)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].letter == letter)
            return &rows[i];
    }
    return NULL;
}

int options_parse(int argc, char **argv, struct options *out, struct error *err)
{
    struct option longs[ARRAY_LEN(rows) + 1] = {{0}};
    char shorts[2 * ARRAY_LEN(rows) + 2] = ":"; /* tell a missing argument from a wrong option */
    size_t n = 1;
    bool is_mock = argc > 1 && strcmp(argv[1], "mock") == 0;
    int letter;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        longs[i] = (struct option){rows[i].name, rows[i].argument != NULL, NULL, rows[i].letter};
        shorts[n++] = rows[i].letter;
        if (rows[i].argument != NULL)
            shorts[n++] = ':';
    }
    if (is_mock) {
        out->command = COMMAND_MOCK;
        argc--;
        argv++;
    }
    optind = 0; /* also starts glibc's scan anew */
    opterr = 0;
    while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct row *r = row_of(letter);

        if (letter == ':')
            return error_set(err, "%s: an argument is missing", argv[optind - 1]);
        if (r == NULL)
            return error_set(err, "%s: there is no such option", argv[optind - 1]);
        if (is_mock && !r->for_mock)
            return error_set(err, "--%s does not go with \"mock\"", r->name);
        if (take(out, (char)letter, optarg, err) != 0)
            return -1;
    }
    if (optind < argc)
        return error_set(err, "%s: bowfin takes options only, or the word \"mock\" first",
                         argv[optind]);
    return 0;
}
