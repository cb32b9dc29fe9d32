/*-------------------------------------------------------------------------
 *
 * multiset.h
 *	  A set of hashes, of which each may be in it several times.
 *
 * Knows nothing of what the hashes are of; anybody may call it.  It is in memory: see
 * ckpt_multiset_size() before adding more.
 *
 * IDENTIFICATION
 *	  src/multiset.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_MULTISET_H
#define CKPT_MULTISET_H

#include "utils/uuid.h"

typedef struct CkptMultiset CkptMultiset;

extern CkptMultiset *ckpt_multiset_create(void);
extern void ckpt_multiset_add(CkptMultiset *set, const pg_uuid_t *hash);
extern bool ckpt_multiset_take(CkptMultiset *set, const pg_uuid_t *hash);
extern int64 ckpt_multiset_members(const CkptMultiset *set);
extern Size ckpt_multiset_size(const CkptMultiset *set);

#endif							/* CKPT_MULTISET_H */
