#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "shm/map.h"
#include "shm/prices.h"
#include "shm/record.h"
#include "shm/sample.h"

/* FNV-1a over sizes: any struct that grows, shrinks or is packed otherwise changes the sum. */
#define SUM_BASIS 0xcbf29ce484222325ull
#define SUM_ADD(sum, n) (((sum) ^ (uint64_t)(n)) * 0x100000001b3ull)
#define SUM_2(sum, a, b) SUM_ADD(SUM_ADD(sum, sizeof(a)), sizeof(b))
#define SUM_4(sum, a, b, c, d) SUM_2(SUM_2(sum, a, b), c, d)

/* One line a region or family of structs. */
#define SUM_PUBLISHED                                                                              \
    SUM_4(SUM_4(SUM_2(SUM_BASIS, struct region_header, struct published_shared), struct key_entry, \
                struct pub_image, struct pub_provider, struct pub_key),                            \
          struct pub_route, struct pub_target, struct pub_model, struct secrets_shared)
#define SUM_CATALOGUE                                                                              \
    SUM_4(SUM_PUBLISHED, struct cat_head, struct cat_model, struct cat_id, struct cat_text)
#define SUM_PRICES                                                                                 \
    SUM_4(SUM_CATALOGUE, struct price_head, struct price_entry, struct price, struct calendar_row)
#define SUM_WEIGHTS                                                                                \
    SUM_4(SUM_PRICES, struct weights_shared, struct weight_row, struct tokens_shared,              \
          struct token_row)
#define SUM_LIVE                                                                                   \
    SUM_4(SUM_4(SUM_WEIGHTS, struct live_shared, struct slot, struct outbox, struct outbox_chunk), \
          struct outbox_head, struct route_live, struct histogram, struct sample)
#define SUM_COUNTERS                                                                               \
    SUM_4(SUM_4(SUM_LIVE, struct counters_shared, struct counter_row, struct holds, struct hold),  \
          struct hold_account, struct owner_row, struct account_row, struct counter)

static const uint64_t layout_sum = SUM_COUNTERS;

static const char *const kind_names[REGION_KINDS] = {"published", "secrets", "weights",
                                                     "live",      "tokens",  "counters"};

size_t region_bytes(enum region_kind kind)
{
    static const size_t bytes[REGION_KINDS] = {
        [REGION_PUBLISHED] = sizeof(struct published_shared),
        [REGION_SECRETS] = sizeof(struct secrets_shared),
        [REGION_WEIGHTS] = sizeof(struct weights_shared),
        [REGION_LIVE] = sizeof(struct live_shared),
        [REGION_TOKENS] = sizeof(struct tokens_shared),
        [REGION_COUNTERS] = sizeof(struct counters_shared),
    };

    must(kind < REGION_KINDS);
    return (bytes[kind] + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

uint64_t region_layout_sum(void)
{
    return layout_sum;
}

static int map(struct region *r, bool writable, struct error *err)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;

    r->base = mmap(NULL, r->bytes, protection, MAP_SHARED | MAP_NORESERVE, r->fd, 0);
    if (r->base == MAP_FAILED) {
        r->base = NULL;
        error_errno(err, "map region %s (%zu bytes of address space)", kind_names[r->kind],
                    r->bytes);
        return -1;
    }
    /* Key hashes, secrets and sparse gigabytes have no business in a core dump. */
    if (madvise(r->base, r->bytes, MADV_DONTDUMP) != 0)
        return error_errno(err, "keep region %s out of core dumps", kind_names[r->kind]);
    return 0;
}

int region_create(enum region_kind kind, uint64_t boot_id, struct region *out, struct error *err)
{
    struct region r = REGION_NONE(kind);
    struct region_header *header;

    r.bytes = region_bytes(kind);
    r.fd = memfd_create(kind_names[kind], MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (r.fd < 0)
        return error_errno(err, "create region %s", kind_names[kind]);
    if (ftruncate(r.fd, (off_t)r.bytes) != 0 ||
        fcntl(r.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        error_errno(err, "size region %s to %zu bytes", kind_names[kind], r.bytes);
        region_close(&r);
        return -1;
    }
    if (map(&r, true, err) != 0) {
        region_close(&r);
        return -1;
    }
    header = r.base;
    *header = (struct region_header){.magic = SHM_MAGIC,
                                     .layout = SHM_LAYOUT,
                                     .kind = kind,
                                     .layout_sum = layout_sum,
                                     .bytes = r.bytes,
                                     .boot_id = boot_id,
                                     .created_ms = clock_real_ms()};
    *out = r;
    return 0;
}

int region_open(enum region_kind kind, int fd, bool writable, struct region *out, struct error *err)
{
    struct region r = {kind, fd, NULL, region_bytes(kind)};
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || fstat(fd, &st) != 0)
        return error_errno(err, "region %s: not a memfd", kind_names[kind]);
    /* Without the seal another holder could shrink it under us, and a read would be SIGBUS. */
    if ((seals & F_SEAL_SHRINK) == 0)
        return error_set(err, "region %s: not sealed against shrinking", kind_names[kind]);
    if ((size_t)st.st_size != r.bytes)
        return error_set(err, "region %s: has %jd bytes, this build expects %zu", kind_names[kind],
                         (intmax_t)st.st_size, r.bytes);
    if (map(&r, writable, err) != 0 || region_verify(&r, err) != 0) {
        r.fd = -1; /* stays the caller's */
        region_close(&r);
        return -1;
    }
    *out = r;
    return 0;
}

int region_verify(const struct region *r, struct error *err)
{
    const struct region_header *header = r->base;
    const char *name = kind_names[r->kind];

    must(header != NULL);
    if (header->magic != SHM_MAGIC)
        return error_set(err, "region %s: no region of bowfin", name);
    if (header->layout != SHM_LAYOUT)
        return error_set(err, "region %s: layout %" PRIu32 ", this build has %d", name,
                         header->layout, SHM_LAYOUT);
    if (header->layout_sum != layout_sum)
        return error_set(err, "region %s: layout sum %016" PRIx64 ", this build has %016" PRIx64,
                         name, header->layout_sum, layout_sum);
    if (header->kind != (uint32_t)r->kind)
        return error_set(err, "region %s: is of kind %" PRIu32, name, header->kind);
    if (header->bytes != r->bytes)
        return error_set(err, "region %s: %" PRIu64 " bytes written in it, mapped %zu", name,
                         header->bytes, r->bytes);
    return 0;
}

int region_protect(const struct region *r, struct error *err)
{
    if (r->base != NULL && mprotect(r->base, r->bytes, PROT_READ) != 0)
        return error_errno(err, "protect region %s", kind_names[r->kind]);
    return 0;
}

int region_unprotect(const struct region *r, struct error *err)
{
    must(r->base != NULL);
    if (mprotect(r->base, r->bytes, PROT_READ | PROT_WRITE) != 0)
        return error_errno(err, "write to region %s", kind_names[r->kind]);
    return 0;
}

void region_close(struct region *r)
{
    if (r->base != NULL)
        (void)munmap(r->base, r->bytes); /* fails for a bad address only */
    r->base = NULL;
    fd_close(&r->fd);
}
