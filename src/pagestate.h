/*-------------------------------------------------------------------------
 *
 * pagestate.h
 *	  Has a table changed since its rows were read?
 *
 * Says of a table what its rows follow from, in a text that is short, can be
 * stored and is cheap to get.  Knows nothing of steps, checkpoints or queries;
 * identity.c uses it for the tables that an input reads.
 *
 * IDENTIFICATION
 *	  src/pagestate.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PAGESTATE_H
#define CKPT_PAGESTATE_H

#include "checkpoint.h"

#include "lib/stringinfo.h"
#include "utils/snapshot.h"

extern bool ckpt_pagestate_names(StringInfo buf, Oid typid);
extern char *ckpt_pagestate(Oid relid, bool with_children, Snapshot read_by);
extern List *ckpt_enum_labels(Oid typid);

#endif							/* CKPT_PAGESTATE_H */
