/* Calls that fail on demand. */
#pragma once

/* Where the rules for faults are, NULL if there are none. */
void use_rules(const char *path);

/* Whether this call is to fail; sets errno. Called by one thread at a time. */
int fails(const char *call, const char *name);
