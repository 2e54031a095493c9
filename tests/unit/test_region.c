#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "server/base/fd.h"
#include "shm/region.h"

static void creates_all_kinds(void **state)
{
    struct error err = ERROR_INIT;
    struct region r[REGION_KINDS];
    struct stat st;

    (void)state;
    for (int kind = 0; kind < REGION_KINDS; kind++) {
        if (region_create((enum region_kind)kind, 42, &r[kind], &err) != 0)
            fail_msg("%s", err.text);
        assert_int_equal(region_verify(&r[kind], &err), 0);
        assert_int_equal(r[kind].bytes, region_bytes((enum region_kind)kind));
        assert_int_equal(((struct region_header *)r[kind].base)->boot_id, 42);
        assert_int_equal(fcntl(r[kind].fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        /* nobody can pull it away under a reader */
        assert_int_not_equal(ftruncate(r[kind].fd, 4096), 0);
        /* sparse: gigabytes of addresses, a page or two of memory */
        assert_int_equal(fstat(r[kind].fd, &st), 0);
        assert_true(st.st_blocks * 512 <= 8192);
    }
    for (int kind = 0; kind < REGION_KINDS; kind++)
        region_close(&r[kind]);
}

static void opens_what_it_created(void **state)
{
    struct error err = ERROR_INIT;
    struct region a;
    struct region b;
    int fd;

    (void)state;
    assert_int_equal(region_create(REGION_WEIGHTS, 7, &a, &err), 0);
    fd = dup(a.fd);
    assert_int_equal(region_open(REGION_WEIGHTS, fd, true, &b, &err), 0);
    ((unsigned char *)a.base)[5000] = 77;
    assert_int_equal(((unsigned char *)b.base)[5000], 77);
    region_close(&b);
    assert_int_equal(b.fd, -1);
    region_close(&b);
    region_close(&a);
}

static void expect_refused(struct region *r, enum region_kind kind, const char *why)
{
    struct error err = ERROR_INIT;
    struct region b = REGION_NONE(kind);

    assert_int_equal(region_open(kind, r->fd, false, &b, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s", err.text);
    assert_null(b.base);
    assert_true(fcntl(r->fd, F_GETFD) >= 0); /* still the caller's */
}

static void refuses_other_layouts(void **state)
{
    struct error err = ERROR_INIT;
    struct region_header *header;
    struct region_header sound;
    struct region r;
    char want[64];

    (void)state;
    assert_int_equal(region_create(REGION_SECRETS, 7, &r, &err), 0);
    header = r.base;
    sound = *header;
    header->magic++;
    expect_refused(&r, REGION_SECRETS, "no region of bowfin");
    *header = sound;
    header->layout++;
    (void)snprintf(want, sizeof(want), "layout %d, this build has %d", SHM_LAYOUT + 1, SHM_LAYOUT);
    expect_refused(&r, REGION_SECRETS, want);
    *header = sound;
    header->layout_sum++;
    expect_refused(&r, REGION_SECRETS, "layout sum");
    *header = sound;
    header->kind = REGION_LIVE;
    expect_refused(&r, REGION_SECRETS, "is of kind 3");
    *header = sound;
    header->bytes--;
    expect_refused(&r, REGION_SECRETS, "bytes");
    *header = sound;
    expect_refused(&r, REGION_WEIGHTS, "this build expects");
    region_close(&r);
}

static void refuses_what_is_no_region(void **state)
{
    struct region r = {REGION_WEIGHTS, open("/dev/null", O_RDWR | O_CLOEXEC), NULL, 0};

    (void)state;
    expect_refused(&r, REGION_WEIGHTS, "not a memfd");
    fd_close(&r.fd);
    r.fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    expect_refused(&r, REGION_WEIGHTS, "not sealed");
    fd_close(&r.fd);
}

static void store_byte(void *ctx)
{
    *(volatile unsigned char *)ctx = 1;
}

static void the_mmu_keeps_readers_from_writing(void **state)
{
    struct error err = ERROR_INIT;
    struct region a;
    struct region b;
    unsigned char *byte;

    (void)state;
    assert_int_equal(region_create(REGION_WEIGHTS, 7, &a, &err), 0);
    byte = (unsigned char *)a.base + 9000;
    assert_int_equal(signal_of(store_byte, byte), 0);
    assert_int_equal(region_protect(&a, &err), 0);
    assert_int_equal(signal_of(store_byte, byte + 1), SIGSEGV);
    assert_int_equal(byte[0], 1);
    assert_int_equal(byte[1], 0);
    assert_int_equal(region_open(REGION_WEIGHTS, dup(a.fd), false, &b, &err), 0);
    assert_int_equal(signal_of(store_byte, (unsigned char *)b.base + 9001), SIGSEGV);
    assert_int_equal(((unsigned char *)b.base)[9001], 0);
    region_close(&b);
    region_close(&a);
}

static void closing_nothing_is_harmless(void **state)
{
    struct region r = REGION_NONE(REGION_LIVE);
    struct error err;

    (void)state;
    assert_int_equal(region_protect(&r, &err), 0);
    region_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_all_kinds),
        cmocka_unit_test(opens_what_it_created),
        cmocka_unit_test(refuses_other_layouts),
        cmocka_unit_test(refuses_what_is_no_region),
        cmocka_unit_test(the_mmu_keeps_readers_from_writing),
        cmocka_unit_test(closing_nothing_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
