/*-------------------------------------------------------------------------
 *
 * role.h
 *	  Owners of jobs and checkpoints: roles that are known whatever their name is.
 *
 * ckpt_role_check() is the one place that says who may use what belongs to an
 * owner.  Every SQL function that is given a job or a checkpoint calls it, directly
 * or through ckpt_job_resolve().
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
