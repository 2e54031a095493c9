#include "server/worker/header.h"

#include "server/base/base.h"

bool header_is_one_of(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, list[i]))
            return true;
    }
    return false;
}

bool header_is_hop(struct str name)
{
    static const struct str hop[] = {
        {"te", 2},
        {"trailer", 7},
        {"upgrade", 7},
        {"connection", 10},
        {"keep-alive", 10},
        {"content-length", 14},
        {"proxy-connection", 16},
        {"transfer-encoding", 17},
        {"proxy-authenticate", 18},
        {"proxy-authorization", 19},
    };

    return header_is_one_of(name, hop, ARRAY_LEN(hop));
}
