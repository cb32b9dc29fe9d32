/*-------------------------------------------------------------------------
 *
 * fingerprint.h
 *	  Code fingerprint: is this the same code as last time?
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

/* What a component is; its name begins with the word for it. */
typedef struct CkptComponent
{
	const char *kind;
	char	   *object;			/* or NULL, if there is one of that kind only */
	char	   *hash;
	bool		untraced;		/* it is no part of the fingerprint's hash */
} CkptComponent;

extern CkptCode ckpt_fingerprint_query(Query *query, List *settings, List *more);
extern List *ckpt_fingerprint_given(const CkptCodeGiven *given);
extern CkptCode ckpt_fingerprint_version(const CkptCodeGiven *given);
extern void ckpt_fingerprint_keep(CkptCode *code, const CkptCode *now);
extern void ckpt_fingerprint_hide_relation(RangeTblEntry *rte, const char *name);
extern char *ckpt_fingerprint_describe(const char *difference);
extern char *ckpt_relation_name(Oid relid);

#endif							/* CKPT_FINGERPRINT_H */
