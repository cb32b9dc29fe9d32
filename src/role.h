/*-------------------------------------------------------------------------
 *
 * role.h
 *	  Owners: roles that are known whatever their name is.
 *
 * IDENTIFICATION
 *	  src/role.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_ROLE_H
#define CKPT_ROLE_H

extern Oid	ckpt_role_oid(Datum role);
extern bool ckpt_role_may_use(Oid owner);
extern void ckpt_role_check(Oid owner, const char *what, int64 id);

#endif							/* CKPT_ROLE_H */
