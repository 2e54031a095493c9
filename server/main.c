/*
 * main - the command line of bowfin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/master/master.h"

int main(int argc, char **argv)
{
    return master_command(argc, argv);
}
