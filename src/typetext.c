/*-------------------------------------------------------------------------
 *
 * typetext.c
 *	  Names of types as text that can be stored and compared.
 *
 * IDENTIFICATION
 *	  src/typetext.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "catalog/objectaddress.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "pinned.h"
#include "typetext.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * ckpt_type_text writes the qualified name of a type as text that can be stored
 * and compared.  flags is FORMAT_TYPE_TYPEMOD_GIVEN for the type of a column,
 * whose modifier may be -1, and 0 for a type without one.
 *
 * It is the same on each server: later ones take "json" for a word of the
 * language, which is not qualified.
 */
char *
ckpt_type_text(Oid typid, int32 typmod, bits16 flags)
{
	int			nestlevel;
	char	   *text;

	if (typid == JSONOID)
		return pstrdup("pg_catalog.json");
	if (typid == JSONARRAYOID)
		return pstrdup("pg_catalog.json[]");
	nestlevel = ckpt_pinned_begin_if_needed();
	text = format_type_extended(typid, typmod, flags | FORMAT_TYPE_FORCE_QUALIFY);
	ckpt_pinned_end(nestlevel);
	return text;
}

/*
 * ckpt_column_type_text writes a column's type, with its collation if that is
 * not the type's own, as text that can be stored and compared.
 */
char *
ckpt_column_type_text(Form_pg_attribute att)
{
	int			nestlevel = ckpt_pinned_begin_if_needed();
	char	   *text = ckpt_type_text(att->atttypid, att->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN);

	if (att->attcollation != get_typcollation(att->atttypid))
	{
		ObjectAddress collation = {CollationRelationId, att->attcollation, 0};

		text = psprintf("%s COLLATE %s", text, getObjectIdentity(&collation, false));
	}
	ckpt_pinned_end(nestlevel);
	return text;
}
