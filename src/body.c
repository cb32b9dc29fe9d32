/*-------------------------------------------------------------------------
 *
 * body.c
 *	  What a body of code is found to use, while it is read.
 *
 * What came with the server is noted only where users can change it.
 *
 *
 * IDENTIFICATION
 *	  src/body.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/htup_details.h"
#include "body.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "settings.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* How many mappings a configuration has that came with the server. */
#define STANDARD_MAPPINGS	19

/*
 * use notes that a body uses something.
 */
void
ckpt_body_use(CkptBody *body, CkptUsedKind kind, Oid oid, AttrNumber column)
{
	CkptUsed   *used = NULL;
	ListCell   *lc;

	foreach(lc, body->uses->items)
	{
		CkptUsed   *other = (CkptUsed *) lfirst(lc);

		if (other->kind == kind && other->oid == oid && other->column == column)
			used = other;
	}
	if (used == NULL)
	{
		used = palloc0(sizeof(CkptUsed));
		used->kind = kind;
		used->oid = oid;
		used->column = column;
		body->uses->items = lappend(body->uses->items, used);
	}
	body->owner->uses = list_append_unique_ptr(body->owner->uses, used);
}

/*
 * ckpt_body_use_function notes a function of users; of one of the server's it
 * notes what its result may depend on.
 */
bool
ckpt_body_use_function(Oid funcid, void *context)
{
	CkptBody   *body = (CkptBody *) context;

	if (!OidIsValid(funcid))
		return false;
	if (ckpt_is_users(funcid))
		ckpt_body_use(body, CKPT_USED_FUNCTION, funcid, 0);
	else if (func_volatile(funcid) != PROVOLATILE_IMMUTABLE)
	{
		body->not_immutable = true;
		body->topics |= ckpt_topics_of_function(get_func_name(funcid));
	}
	return false;
}

/*
 * ckpt_body_use_support notes the functions that values of a type are compared
 * and hashed with.
 */
void
ckpt_body_use_support(CkptBody *body, Oid type)
{
	TypeCacheEntry *entry;
	Oid			element;

	check_stack_depth();
	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		ckpt_body_use_support(body, element);
	if (!ckpt_is_users(type))
		return;
	if (type_is_multirange(type))
		type = get_multirange_range(type);
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC |
							  TYPECACHE_HASH_PROC | TYPECACHE_RANGE_INFO);
	if (entry->rngelemtype)
	{
		(void) ckpt_body_use_function(entry->rng_cmp_proc_finfo.fn_oid, body);
		(void) ckpt_body_use_function(entry->rng_canonical_finfo.fn_oid, body);
		(void) ckpt_body_use_function(entry->rng_subdiff_finfo.fn_oid, body);
		ckpt_body_use_support(body, entry->rngelemtype->type_id);
	}
	else if (entry->typtype == TYPTYPE_BASE)
	{
		if (OidIsValid(entry->eq_opr))
			(void) ckpt_body_use_function(get_opcode(entry->eq_opr), body);
		(void) ckpt_body_use_function(entry->cmp_proc, body);
		(void) ckpt_body_use_function(entry->hash_proc, body);
	}
}

/*
 * ckpt_is_row_type returns whether a type is a composite type of its own, or
 * the row type of a relation that is not one of our tables.
 */
bool
ckpt_is_row_type(Oid type)
{
	Oid			relid = get_typ_typrelid(type);

	return OidIsValid(relid) &&
		get_rel_namespace(relid) != get_namespace_oid(CKPT_DATA_SCHEMA, true);
}

/*
 * ckpt_body_use_type notes a domain, an enum or a row type, also as the
 * element of an array, and what values of a range are made with.
 */
void
ckpt_body_use_type(CkptBody *body, Oid type)
{
	Oid			element = OidIsValid(type) ? get_element_type(type) : InvalidOid;

	if (OidIsValid(element))
		type = element;
	if (!ckpt_is_users(type))
		return;
	body->met = list_append_unique_oid(body->met, type);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
		case TYPTYPE_ENUM:
			ckpt_body_use(body, CKPT_USED_TYPE, type, 0);
			break;
		case TYPTYPE_COMPOSITE:
			if (ckpt_is_row_type(type))
				ckpt_body_use(body, CKPT_USED_TYPE, type, 0);
			break;
		case TYPTYPE_RANGE:
		case TYPTYPE_MULTIRANGE:
			ckpt_body_use_support(body, type);
			break;
		default:
			break;
	}
}

void
ckpt_body_use_collation(CkptBody *body, Oid collation)
{
	if (ckpt_is_users(collation))
		ckpt_body_use(body, CKPT_USED_COLLATION, collation, 0);
}

/*
 * ckpt_body_use_relation notes a view.
 */
void
ckpt_body_use_relation(CkptBody *body, Oid relid)
{
	if (ckpt_is_users(relid) && get_rel_relkind(relid) == RELKIND_VIEW)
		ckpt_body_use(body, CKPT_USED_VIEW, relid, 0);
}

/*
 * is_standard_config returns whether a text search configuration came with the
 * server and looks as if nobody had altered it.
 */
static bool
is_standard_config(Oid config)
{
	CatCList   *list;
	bool		result;

	if (ckpt_is_users(config))
		return false;
	list = SearchSysCacheList1(TSCONFIGMAP, ObjectIdGetDatum(config));
	result = list->n_members == STANDARD_MAPPINGS;
	for (int i = 0; i < list->n_members; i++)
		result &= !ckpt_is_users(((Form_pg_ts_config_map) GETSTRUCT(&list->members[i]->tuple))->mapdict);
	ReleaseSysCacheList(list);
	return result;
}

void
ckpt_body_use_config(CkptBody *body, Oid config)
{
	if (OidIsValid(config) && !is_standard_config(config) &&
		SearchSysCacheExists1(TSCONFIGOID, ObjectIdGetDatum(config)))
		ckpt_body_use(body, CKPT_USED_TSCONFIG, config, 0);
}
