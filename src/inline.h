/*-------------------------------------------------------------------------
 *
 * inline.h
 *	  Steps that are not stored: their queries stand in those of later steps.
 *
 * Says whether a step is to be inlined and what keeps it from that, writes it down
 * for later steps, and says what these must know of it.  How a query reads an
 * inlined step is the business of query.h.  Steps, the dry run and identity.c
 * call it.
 *
 * IDENTIFICATION
 *	  src/inline.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INLINE_H
#define CKPT_INLINE_H

#include "reuse.h"

extern bool ckpt_inline_wanted(const CkptSpec *spec);
extern char *ckpt_inline_reason(const CkptSpec *spec);
extern CkptInline *ckpt_inline_make(const CkptRequest *request, List *outputs,
									char **obstacle);
extern const char *ckpt_inline_to_store(List *outputs);
extern const char *ckpt_inline_anew(List *outputs);
extern char *ckpt_inline_names(List *outputs);
extern char *ckpt_inline_identity(Query *query, List *outputs);
extern void ckpt_inline_hide(Query *query, List *outputs, bool udfs);

#endif							/* CKPT_INLINE_H */
