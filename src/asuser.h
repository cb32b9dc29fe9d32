/*-------------------------------------------------------------------------
 *
 * asuser.h
 *	  Runs a user's code as that user.
 *
 * IDENTIFICATION
 *	  src/asuser.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_ASUSER_H
#define CKPT_ASUSER_H

#include "miscadmin.h"
#include "utils/guc.h"

typedef struct CkptUser
{
	Oid			userid;
	int			sec_context;
	int			nestlevel;		/* of settings; 0 if nothing was changed */
} CkptUser;

/*
 * ckpt_user_become makes the owner of a job the current user, where somebody
 * else (a member of that role, or a superuser) runs a step of it.  The owner's
 * code then can do no more than the owner, cannot change who it is, and leaves
 * no settings behind.
 *
 * ckpt_user_restore() undoes it; on error, abort does.
 */
static inline CkptUser
ckpt_user_become(Oid owner)
{
	CkptUser	saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	saved.nestlevel = 0;
	if (saved.userid != owner)
	{
		saved.nestlevel = NewGUCNestLevel();
		SetUserIdAndSecContext(owner, saved.sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	}
	return saved;
}

static inline void
ckpt_user_restore(CkptUser saved)
{
	if (saved.nestlevel > 0)
		AtEOXact_GUC(false, saved.nestlevel);
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

#endif							/* CKPT_ASUSER_H */
