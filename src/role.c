/*-------------------------------------------------------------------------
 *
 * role.c
 *	  Owners: roles that are known whatever their name is.
 *
 * The type checkpoint.role holds the OID of a role and the name that it had
 * when the value was made.  The OID tells who it is: a role that is renamed
 * keeps what it owns, and a new role with an old name gets nothing.  Copies of
 * a cluster's files keep it.
 *
 * The value's text is the name that the role has now, and nothing else, so a
 * dump carries names and never an OID of another cluster.  A name that is read
 * where no role has it makes a value without OID, which hinders no restore and
 * belongs to nobody until a role of that name exists: see
 * ckpt_catalog_adopt().  The text of a role that was dropped is empty:
 * its name may be another's by now.
 *
 * There is no binary form: a client, or another cluster, could put any OID into
 * it.
 *
 * IDENTIFICATION
 *	  src/role.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "role.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* A value of the type; SQL says how long it is. */
typedef struct CkptRole
{
	Oid			oid;			/* InvalidOid if there was no such role */
	NameData	name;
} CkptRole;

StaticAssertDecl(sizeof(CkptRole) == 68, "SQL declares another length of checkpoint.role");

PG_FUNCTION_INFO_V1(checkpoint_role_in);
PG_FUNCTION_INFO_V1(checkpoint_role_out);
PG_FUNCTION_INFO_V1(checkpoint_role_of);
PG_FUNCTION_INFO_V1(checkpoint_role_oid);
PG_FUNCTION_INFO_V1(checkpoint_role_name);
PG_FUNCTION_INFO_V1(checkpoint_may_use);
PG_FUNCTION_INFO_V1(checkpoint_is_visible);

/*
 * role_current_name returns the name that a role has now, or would have if it
 * existed; NULL if it was dropped.
 */
static char *
role_current_name(CkptRole *role)
{
	return OidIsValid(role->oid) ? GetUserNameFromId(role->oid, true) : NameStr(role->name);
}

Datum
checkpoint_role_in(PG_FUNCTION_ARGS)
{
	char	   *name = PG_GETARG_CSTRING(0);
	CkptRole   *role = palloc0(sizeof(CkptRole));

	/* cuts it as the server does */
	role->name = *DatumGetName(DirectFunctionCall1(namein, CStringGetDatum(name)));
	role->oid = get_role_oid(NameStr(role->name), true);
	PG_RETURN_POINTER(role);
}

Datum
checkpoint_role_out(PG_FUNCTION_ARGS)
{
	char	   *name = role_current_name((CkptRole *) PG_GETARG_POINTER(0));

	PG_RETURN_CSTRING(pstrdup(name ? name : ""));
}

/*
 * _role_of(oid) makes a value of an existing role.
 */
Datum
checkpoint_role_of(PG_FUNCTION_ARGS)
{
	CkptRole   *role = palloc0(sizeof(CkptRole));

	role->oid = PG_GETARG_OID(0);
	namestrcpy(&role->name, GetUserNameFromId(role->oid, false));
	PG_RETURN_POINTER(role);
}

/*
 * _role_oid(role) is what indexes of owners are made of.
 */
Datum
checkpoint_role_oid(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(((CkptRole *) PG_GETARG_POINTER(0))->oid);
}

/*
 * _role_name(role) is what views show.
 */
Datum
checkpoint_role_name(PG_FUNCTION_ARGS)
{
	CkptRole   *role = (CkptRole *) PG_GETARG_POINTER(0);
	char	   *name = role_current_name(role);

	if (name == NULL || name[0] == '\0')
		name = psprintf("%s%s(dropped)", NameStr(role->name), NameStr(role->name)[0] ? " " : "");
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/*
 * ckpt_role_oid returns the role that a value of the type stands for, which may
 * have been dropped, or InvalidOid if there has been none so far.
 */
Oid
ckpt_role_oid(Datum value)
{
	CkptRole   *role = (CkptRole *) DatumGetPointer(value);

	return OidIsValid(role->oid) ? role->oid : get_role_oid(NameStr(role->name), true);
}

/*
 * ckpt_role_may_use returns whether the current user may see and use what
 * belongs to an owner: it is that role, a member of it or a superuser.
 */
bool
ckpt_role_may_use(Oid owner)
{
	if (superuser())
		return true;
	return OidIsValid(owner) && has_privs_of_role(GetUserId(), owner);
}

/*
 * ckpt_role_check raises 42501 unless the current user may use what belongs to
 * an owner.
 */
void
ckpt_role_check(Oid owner, const char *what, int64 id)
{
	char	   *name = GetUserNameFromId(owner, true);

	if (!ckpt_role_may_use(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for %s %lld", what, (long long) id),
				 name ? errdetail("It belongs to role \"%s\".", name) :
				 errdetail("It belongs to a role that does not exist."),
				 name ? errhint("Only that role, its members and superusers can use it.") :
				 errhint("Only superusers can use it.")));
}

/*
 * _may_use(owner): views show a row to its owner's members.
 */
Datum
checkpoint_may_use(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ckpt_role_may_use(ckpt_role_oid(PG_GETARG_DATUM(0))));
}

/*
 * _is_visible(name) is what views of version 1.0 call.
 */
Datum
checkpoint_is_visible(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ckpt_role_may_use(get_role_oid(NameStr(*PG_GETARG_NAME(0)), true)));
}
