/*-------------------------------------------------------------------------
 *
 * uses.h
 *	  What code uses: functions, views, types, settings and the like.
 *
 * Follows a query or a function to all that it can be seen to use, and what that
 * uses.  Does not know what any of it is at the moment, nor what the list is for:
 * component.c describes what is in it.  Called by fingerprint.c.
 *
 * IDENTIFICATION
 *	  src/uses.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_USES_H
#define CKPT_USES_H

#include "access/transam.h"
#include "nodes/parsenodes.h"

typedef enum CkptUsedKind
{
	CKPT_USED_EXPRESSION,		/* what the search began with; no object */
	CKPT_USED_FUNCTION,			/* or an aggregate */
	CKPT_USED_DEFAULTS,			/* of a function's arguments */
	CKPT_USED_VIEW,
	CKPT_USED_TYPE,				/* a domain, an enum, a row type */
	CKPT_USED_COLUMN,			/* of a table, by %TYPE */
	CKPT_USED_COLLATION,
	CKPT_USED_TSCONFIG			/* a text search configuration */
} CkptUsedKind;

/* Something that code uses. */
typedef struct CkptUsed
{
	CkptUsedKind kind;
	Oid			oid;
	AttrNumber	column;			/* CKPT_USED_COLUMN */
	List	   *uses;			/* CkptUsed */
	List	   *settings;		/* names of those that it depends on itself */
	List	   *fixes;			/* names of those that it sets for itself */
	bool		reads;			/* a function: its body names relations */

	/* for the search */
	bool		reached;
	List	   *fixed;			/* names of settings fixed on all ways to it */
} CkptUsed;

typedef struct CkptUses
{
	List	   *items;			/* CkptUsed, the first is the one begun with */
	List	   *settings;		/* names of those that all of it depends on */
	List	   *casts;			/* of users, see uses.c */
	bool		casts_known;
} CkptUses;

/* What came with the server is no code of users. */
static inline bool
ckpt_is_users(Oid oid)
{
	return oid >= FirstNormalObjectId;
}

extern CkptUses *ckpt_uses_of_query(Query *query);
extern CkptUses *ckpt_uses_of_function(Oid funcid);

extern List *ckpt_domain_checks(Oid typid);
extern char *ckpt_source_text(const char *source, Oid language, bool *readable);

#endif							/* CKPT_USES_H */
