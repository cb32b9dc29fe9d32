/*-------------------------------------------------------------------------
 *
 * body.h
 *	  What a body of code is found to use, while it is read.
 *
 * A body is an expression, a query, the source of a function, the definition of
 * a view or of a type.  Each ckpt_body_use_... function notes one thing that a
 * body uses, if users can change it.  The module does not know how that was
 * found, nor what the thing uses itself: uses.c reads analysed trees and follows
 * what they use, names.c reads sources.  These two call it, and nobody else.
 *
 *
 * IDENTIFICATION
 *	  src/body.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_BODY_H
#define CKPT_BODY_H

#include "uses.h"

typedef struct CkptBody
{
	CkptUses   *uses;
	CkptUsed   *owner;			/* whose body it is */
	bool		not_immutable;
	int			topics;			/* of the values that it works with ... */
	int			texts;			/* ... and of those that it turns into text */
	List	   *met;			/* OIDs of types of users that a source names */
	List	   *named;			/* OIDs of types that it names */
	List	   *operators;		/* names that a source has (list of names) */
	List	   *literals;		/* text constants of a source */
} CkptBody;

extern void ckpt_body_use(CkptBody *body, CkptUsedKind kind, Oid oid, AttrNumber column);
extern bool ckpt_body_use_function(Oid funcid, void *context);
extern void ckpt_body_use_support(CkptBody *body, Oid type);
extern void ckpt_body_use_type(CkptBody *body, Oid type);
extern void ckpt_body_use_collation(CkptBody *body, Oid collation);
extern void ckpt_body_use_relation(CkptBody *body, Oid relid);
extern void ckpt_body_use_config(CkptBody *body, Oid config);
extern bool ckpt_is_row_type(Oid type);

#endif							/* CKPT_BODY_H */
