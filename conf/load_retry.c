/* limits.retry_ratio. */
#include "conf/load_routing.h"
#include "conf/values.h"

#define RETRY_RATIO_MAX 100000 /* thousandths of a percent */

void load_set_retry_ratio(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    uint64_t ratio;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (!str_ends(text, STR("%")) ||
        !value_thousandths((struct str){text.p, text.len - 1}, &ratio) || ratio > RETRY_RATIO_MAX)
        load_must_be(l, at, "a percentage from 0% to 100% such as 10%");
    else
        ((struct conf_limits *)object)->retry_ratio = (uint32_t)ratio;
}
