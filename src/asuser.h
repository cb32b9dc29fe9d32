/*-------------------------------------------------------------------------
 *
 * asuser.h
 *	  Makes the owner of a job the current user while the owner's code runs.
 *
 * Everything that a user wrote is evaluated between ckpt_user_become() and
 * ckpt_user_restore(): queries, probes, functions.  The extension's own SQL never
 * is: see statement.h.  The module does not check whether the caller may use the
 * job (see role.h).
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
	Oid			session_user;
	Oid			role;			/* that SET ROLE has made; InvalidOid is none */
} CkptUser;

/*
 * ckpt_user_become makes the owner of a job the current user, where somebody
 * else (a member of that role, or a superuser) runs a step of it.  The owner's
 * code then can do no more than the owner, cannot change who it is, and leaves
 * no settings behind.
 *
 * Where the owner runs it, the code may do what the owner may, SET ROLE
 * included, but not for longer than it runs.
 *
 * ckpt_user_restore() undoes it; on error, abort does.
 */
static inline CkptUser
ckpt_user_become(Oid owner)
{
	CkptUser	saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	saved.nestlevel = 0;
	saved.session_user = GetSessionUserId();
	saved.role = GetCurrentRoleId();
	if (saved.userid != owner)
	{
		saved.nestlevel = NewGUCNestLevel();
		SetUserIdAndSecContext(owner, saved.sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	}
	return saved;
}

/*
 * ckpt_user_take_back undoes SET ROLE and SET SESSION AUTHORIZATION of code that
 * runs as its owner.  The settings and the server's idea of the user then agree.
 */
static inline void
ckpt_user_take_back(const CkptUser *saved)
{
	if (GetSessionUserId() != saved->session_user)
		(void) set_config_option("session_authorization",
								 GetUserNameFromId(saved->session_user, false),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	if (GetCurrentRoleId() != saved->role)
		(void) set_config_option("role",
								 OidIsValid(saved->role) ? GetUserNameFromId(saved->role, false) : "none",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

static inline void
ckpt_user_restore(CkptUser saved)
{
	if (saved.nestlevel == 0)
		ckpt_user_take_back(&saved);
	if (saved.nestlevel > 0)
		AtEOXact_GUC(false, saved.nestlevel);
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

#endif							/* CKPT_ASUSER_H */
