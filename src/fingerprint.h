/*-------------------------------------------------------------------------
 *
 * fingerprint.h
 *	  Code fingerprint: is this the same code as last time?
 *
 * Puts the components of a code together and names what changed.  Does not know
 * how a component is described (component.h), how it was found (uses.h), nor
 * which work depends on it.  Called by what analyses and identifies: udf.c,
 * identity.c and reuse.c.
 *
 * IDENTIFICATION
 *	  src/fingerprint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_FINGERPRINT_H
#define CKPT_FINGERPRINT_H

#include "code.h"
#include "nodes/parsenodes.h"

extern CkptCode ckpt_fingerprint_query(Query *query, List *settings, List *more);
extern List *ckpt_fingerprint_given(const CkptCodeGiven *given);
extern CkptCode ckpt_fingerprint_version(const CkptCodeGiven *given);
extern void ckpt_fingerprint_keep(CkptCode *code, const CkptCode *now);
extern void ckpt_fingerprint_hide_relation(RangeTblEntry *rte, const char *name);
extern char *ckpt_fingerprint_describe(const char *difference);

#endif							/* CKPT_FINGERPRINT_H */
