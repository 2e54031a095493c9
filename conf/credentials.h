/*
 * credentials - keys that are more than a text: AWS, Google Cloud, Azure.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: the environment, service account files.
 * Writes: nothing shared.
 * Only included inside conf/. Does not: fetch tokens (server/credential does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CREDENTIALS_H
#define CONF_CREDENTIALS_H

#include "conf/load.h"

load_set_fn load_set_aws, load_set_gcp, load_set_azure; /* of a struct conf_provider_key */

/* Does the environment have what accounts of this cloud usually show (beside a plain key)? */
bool credentials_in_env(const struct load *l, enum conf_cloud cloud);
/* Without a file nobody has asked for the account: is what the environment names there and whole? */
bool credentials_are_usable(const struct load *l, enum conf_cloud cloud);
/* Make the key of a provider that declares none from it. */
void credentials_from_env(struct load *l, struct conf_provider_key *k, enum conf_cloud cloud);
/*
 * What a key leaves out: from the environment and its file. What it says of the address (region,
 * project, location) is the provider's too, unless that says otherwise. Findings for what is
 * missing or does not fit the vendor.
 */
void credentials_complete(struct load *l, struct conf_provider *p,
                          const struct conf_vendor *vendor);

#endif
