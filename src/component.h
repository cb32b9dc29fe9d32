/*-------------------------------------------------------------------------
 *
 * component.h
 *	  One thing that code consists of, by name and hash.
 *
 * Says of a function, a view, a type, a collation, a setting and the like what it
 * is at the moment, in a hash that is the same in another session and after dump
 * and restore.  Does not know which things a code uses (uses.h), nor what hashes
 * are compared for.  fingerprint.c calls it; content.c, which has components of
 * its own, takes names from it.
 *
 *
 * IDENTIFICATION
 *	  src/component.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_COMPONENT_H
#define CKPT_COMPONENT_H

#include "uses.h"

/* What a component is; its name begins with the word for it. */
typedef struct CkptComponent
{
	const char *kind;
	char	   *object;			/* or NULL, if there is one of that kind only */
	char	   *hash;
	bool		untraced;		/* it is no part of the fingerprint's hash */
} CkptComponent;

extern CkptComponent *ckpt_component_of_used(const CkptUsed *used);
extern CkptComponent *ckpt_component_of_defaults(Oid funcid);
extern CkptComponent *ckpt_component_of_setting(const char *name, List *before);
extern char *ckpt_function_name(Oid funcid);
extern char *ckpt_relation_name(Oid relid);

#endif							/* CKPT_COMPONENT_H */
