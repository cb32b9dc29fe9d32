/*-------------------------------------------------------------------------
 *
 * target.h
 *	  Names that results are published under: what stands there now, and may it be
 *	  replaced?
 *
 * A target is what save's argument of that name means.  The module looks, takes no
 * lock on the target, and changes nothing.  Steps ask before they start; publish.c
 * asks again.
 *
 * IDENTIFICATION
 *	  src/target.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_TARGET_H
#define CKPT_TARGET_H

#include "access/tupdesc.h"
#include "catalog.h"

extern CkptTarget *ckpt_target_make(const char *name, bool as_table);
extern CkptTarget *ckpt_target_find(const char *name);
extern Oid	ckpt_target_relid(const CkptTarget *target);
extern void ckpt_target_check(const CkptTarget *target, TupleDesc desc, Oid owner);
extern void ckpt_target_check_owner(const CkptTarget *target);
extern Oid	ckpt_target_shown_table(Oid relid);
extern bool ckpt_target_shows_result(Oid relid);
extern char *ckpt_target_identity(const CkptTarget *target);
extern bool ckpt_target_is_made(const CkptTarget *target, const CkptTargetRecord *record);
extern bool ckpt_target_keeps_columns(Oid relid, TupleDesc desc);

#endif							/* CKPT_TARGET_H */
