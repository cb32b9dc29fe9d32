/*-------------------------------------------------------------------------
 *
 * valuehash.c
 *	  One value of any type, as bytes that are the same in each database.
 *
 * Built-in types whose image is their value are written by image.  Enums are
 * written by label, composite values field by field with the fields' names,
 * arrays and ranges part by part, reg* values by what they name: never by OID.
 * Types that we know nothing of are written by their binary form, or else by
 * their text form, under pinned settings.
 *
 * Numbers are written as a little-endian machine stores them.  On a big-endian
 * one jsonb, tsvector and tsquery, whose images are not made of numbers of known
 * sizes, have other bytes.
 *
 * IDENTIFICATION
 *	  src/valuehash.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/toast_internals.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "common/pg_lzcompress.h"
#include "miscadmin.h"
#include "pinned.h"
#include "utils/array.h"
#include "utils/arrayaccess.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "valuehash.h"

/* A value that is written part by part is hashed when it has so many bytes. */
#define PART_OF_VALUE	(32 * 1024)

/* Room for a value that must be decompressed, bytes. */
#define ROOM_BYTES		(1024 * 1024)

/* Where the state of XXH3 must stand. */
#define HASH_STATE_ALIGN	64

/* A row type that values of a column were of. */
typedef struct RowType
{
	struct RowType *next;
	Oid			typid;
	int32		typmod;
	TupleDesc	desc;
	uint64		names;			/* hash of the fields' names */
	CkptValueHasher *fields;
	Datum	   *values;			/* of the value at hand */
	bool	   *nulls;
} RowType;

static void write_value(CkptValueWriter *writer, CkptValueHasher *vh, Datum value);

/*
 * ckpt_valuehash_catalog returns the catalog that values of a reg* type point
 * into, or InvalidOid for other types.
 */
Oid
ckpt_valuehash_catalog(Oid typid)
{
	switch (typid)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
			return ProcedureRelationId;
		case REGOPEROID:
		case REGOPERATOROID:
			return OperatorRelationId;
		case REGCLASSOID:
			return RelationRelationId;
		case REGCOLLATIONOID:
			return CollationRelationId;
		case REGTYPEOID:
			return TypeRelationId;
		case REGROLEOID:
			return AuthIdRelationId;
		case REGCONFIGOID:
			return TSConfigRelationId;
		case REGDICTIONARYOID:
			return TSDictionaryRelationId;
		case REGNAMESPACEOID:
			return NamespaceRelationId;
		default:
			return InvalidOid;
	}
}

/*
 * ckpt_valuehash_init works out how values of a type are turned into bytes.
 * What vh then points to is in CurrentMemoryContext.
 */
void
ckpt_valuehash_init(CkptValueHasher *vh, Oid typid)
{
	Oid			element;
	Oid			outfunc;
	HeapTuple	entry;

	check_stack_depth();

	memset(vh, 0, sizeof(CkptValueHasher));
	typid = getBaseType(typid);
	vh->typid = typid;
	get_typlenbyvalalign(typid, &vh->typlen, &vh->typbyval, &vh->typalign);

	switch (typid)
	{
		case FLOAT4OID:
			vh->form = FORM_FLOAT4;
			return;
		case FLOAT8OID:
			vh->form = FORM_FLOAT8;
			return;
		case NAMEOID:
			vh->form = FORM_NAME;
			return;
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case XIDOID:
		case XID8OID:
		case CIDOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
		case PG_LSNOID:
			vh->form = vh->typbyval ? FORM_BYVAL : FORM_FIXED;
			vh->numbers = "\10";
			return;
		case MACADDR8OID:
			vh->form = vh->typbyval ? FORM_BYVAL : FORM_FIXED;
			vh->numbers = "\1";
			return;
		case TIDOID:
			vh->form = FORM_FIXED;
			vh->numbers = "\2";
			return;
		case TIMETZOID:
		case INTERVALOID:
			vh->form = FORM_FIXED;
			vh->numbers = "\10\4";
			return;
		case UUIDOID:
		case MACADDROID:
			vh->form = FORM_FIXED;
			vh->numbers = "\1";
			return;
		case POINTOID:
		case LSEGOID:
		case BOXOID:
		case LINEOID:
		case CIRCLEOID:
			vh->form = FORM_FIXED;
			vh->numbers = "\10";
			return;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
		case JSONOID:
		case JSONBOID:
		case XMLOID:
		case INETOID:
		case CIDROID:
		case TSVECTOROID:
		case TSQUERYOID:
			vh->form = FORM_VARLENA;
			vh->numbers = "\1";
			return;
		case NUMERICOID:
			vh->form = FORM_VARLENA;
			vh->numbers = "\2";
			return;
		case BITOID:
		case VARBITOID:
			vh->form = FORM_VARLENA;
			vh->numbers = "\4\1";
			return;
		case PATHOID:
			vh->form = FORM_VARLENA;
			vh->numbers = "\4\4\4\10";
			return;
		case POLYGONOID:
			vh->form = FORM_VARLENA;
			vh->numbers = "\4\10";
			return;
		default:
			break;
	}

	element = get_element_type(typid);
	if (OidIsValid(element) && vh->typlen == -1)
	{
		vh->form = FORM_ARRAY;
		vh->element = palloc(sizeof(CkptValueHasher));
		ckpt_valuehash_init(vh->element, element);
		return;
	}

	switch (get_typtype(typid))
	{
		case TYPTYPE_COMPOSITE:
			vh->form = FORM_COMPOSITE;
			return;
		case TYPTYPE_ENUM:
			vh->form = FORM_ENUM;
			return;
		case TYPTYPE_RANGE:
			vh->form = FORM_RANGE;
			vh->range = lookup_type_cache(typid, TYPECACHE_RANGE_INFO);
			vh->element = palloc(sizeof(CkptValueHasher));
			ckpt_valuehash_init(vh->element, vh->range->rngelemtype->type_id);
			return;
		case TYPTYPE_MULTIRANGE:
			vh->form = FORM_MULTIRANGE;
			vh->range = lookup_type_cache(typid, TYPECACHE_MULTIRANGE_INFO)->rngtype;
			vh->element = palloc(sizeof(CkptValueHasher));
			ckpt_valuehash_init(vh->element, vh->range->type_id);
			return;
		default:
			break;
	}

	if (typid == RECORDOID)
	{
		vh->form = FORM_COMPOSITE;
		return;
	}

	vh->catalog = ckpt_valuehash_catalog(typid);
	if (OidIsValid(vh->catalog))
	{
		vh->form = FORM_OBJECT;
		return;
	}

	entry = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(entry))
		elog(ERROR, "cache lookup failed for type %u", typid);
	outfunc = ((Form_pg_type) GETSTRUCT(entry))->typsend;
	vh->form = FORM_SEND;
	if (!OidIsValid(outfunc))
	{
		outfunc = ((Form_pg_type) GETSTRUCT(entry))->typoutput;
		vh->form = FORM_TEXT;
	}
	ReleaseSysCache(entry);
	fmgr_info(outfunc, &vh->outfunc);
	vh->any_setting = vh->form == FORM_TEXT && func_volatile(outfunc) != PROVOLATILE_IMMUTABLE;
}

/*
 * ckpt_valuehash_create_writer makes a place to write values to, in
 * CurrentMemoryContext, which also keeps what is learned of row types.
 */
CkptValueWriter *
ckpt_valuehash_create_writer(void)
{
	CkptValueWriter *writer = palloc0(sizeof(CkptValueWriter));

	writer->cxt = CurrentMemoryContext;
	writer->scratch = AllocSetContextCreate(writer->cxt, "checkpoint row hasher scratch",
											ALLOCSET_DEFAULT_SIZES);
	writer->call = AllocSetContextCreate(writer->cxt, "checkpoint row hasher call",
										 ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&writer->buf);
	writer->state = (XXH3_state_t *) TYPEALIGN(HASH_STATE_ALIGN,
											   palloc(sizeof(XXH3_state_t) + HASH_STATE_ALIGN));
	return writer;
}

/*
 * hash_part hashes what the value buffer holds as a part of the value at hand,
 * and empties it.
 */
static void
hash_part(CkptValueWriter *writer)
{
	CHECK_FOR_INTERRUPTS();
	if (writer->hashed == 0)
		XXH3_128bits_reset(writer->state);
	XXH3_128bits_update(writer->state, writer->buf.data, writer->buf.len);
	writer->hashed += writer->buf.len;
	writer->buf.len = 0;
}

/*
 * put_part writes a part of a value: whether it is null, and if not what it is.
 */
static inline void
put_part(CkptValueWriter *writer, CkptValueHasher *vh, Datum value, bool isnull)
{
	if (unlikely(writer->buf.len >= PART_OF_VALUE))
		hash_part(writer);
	put_bytes(&writer->buf, &isnull, 1);
	if (!isnull)
		write_value(writer, vh, value);
}

/*
 * write_numbers writes the elements of an array as write_array() does, if none is null
 * and all stand there as numbers one behind the other.  Returns whether that is so; it
 * is not for an array in the form in which it can be changed.
 */
static bool
write_numbers(CkptValueWriter *writer, const CkptValueHasher *element, const ArrayType *array,
			  int nelems)
{
	StringInfo	buf = &writer->buf;
	Size		len = (Size) nelems * (1 + sizeof(uint64));
	int			size = element->typlen;
	const char *from;
	char	   *to;

	if (element->form > FORM_FLOAT8 || VARATT_IS_EXPANDED_HEADER(array) || ARR_HASNULL(array) ||
		att_align_nominal(size, element->typalign) != size || buf->len + len > PART_OF_VALUE)
		return false;
	enlargeStringInfo(buf, (int) len);
	from = ARR_DATA_PTR(array);
	to = buf->data + buf->len;
	for (int i = 0; i < nelems; i++, from += size, to += sizeof(uint64))
	{
		uint64		number = size == 1 ? *(const uint8 *) from :
			size == 2 ? *(const uint16 *) from :
			size == 4 ? *(const uint32 *) from : *(const uint64 *) from;

#ifdef WORDS_BIGENDIAN
		number = pg_bswap64(number);
#endif
		*to++ = false;
		memcpy(to, &number, sizeof(uint64));
	}
	buf->len += (int) len;
	return true;
}

static void
write_array(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	AnyArrayType *array = DatumGetAnyArrayP(value);
	CkptValueHasher *element = vh->element;
	int			ndim = AARR_NDIM(array);
	int			nelems = ArrayGetNItems(ndim, AARR_DIMS(array));
	array_iter	iter;

	put_uint64(&writer->buf, ndim);
	for (int i = 0; i < ndim; i++)
	{
		put_uint64(&writer->buf, AARR_DIMS(array)[i]);
		put_uint64(&writer->buf, (int64) AARR_LBOUND(array)[i]);
	}

	if (write_numbers(writer, element, (const ArrayType *) array, nelems))
		return;
	array_iter_setup(&iter, array);
	for (int i = 0; i < nelems; i++)
	{
		bool		isnull;
		Datum		elem = array_iter_next(&iter, &isnull, i, element->typlen,
										   element->typbyval, element->typalign);

		put_part(writer, element, elem, isnull);
	}
}

/*
 * row_type_create works out how values of a row type are turned into bytes.
 */
static RowType *
row_type_create(CkptValueWriter *writer, Oid typid, int32 typmod)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(writer->cxt);
	RowType    *row = palloc0(sizeof(RowType));
	StringInfoData names;
	int			natts;

	initStringInfo(&names);
	row->typid = typid;
	row->typmod = typmod;
	row->desc = lookup_rowtype_tupdesc_copy(typid, typmod);
	natts = Max(row->desc->natts, 1);
	row->fields = palloc(natts * sizeof(CkptValueHasher));
	row->values = palloc(natts * sizeof(Datum));
	row->nulls = palloc(natts * sizeof(bool));
	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row->desc, i);

		if (att->attisdropped)
			continue;
		ckpt_valuehash_init(&row->fields[i], att->atttypid);
		put_counted(&names, NameStr(att->attname), strlen(NameStr(att->attname)));
	}
	row->names = XXH3_64bits(names.data, names.len);
	pfree(names.data);
	MemoryContextSwitchTo(oldcxt);
	return row;
}

/*
 * find_row_type returns what is known of a row type, and puts it first.
 */
static RowType *
find_row_type(CkptValueWriter *writer, CkptValueHasher *vh, Oid typid, int32 typmod)
{
	RowType   **link = &vh->rows;
	RowType    *row;

	while (*link && ((*link)->typid != typid || (*link)->typmod != typmod))
		link = &(*link)->next;
	row = *link;
	if (row == NULL)
		row = row_type_create(writer, typid, typmod);
	else
		*link = row->next;
	row->next = vh->rows;
	vh->rows = row;
	return row;
}

static void
write_composite(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	RowType    *row = find_row_type(writer, vh, HeapTupleHeaderGetTypeId(header),
									HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;

	heap_deform_tuple(&tuple, row->desc, row->values, row->nulls);
	put_uint64(&writer->buf, row->names);
	for (int i = 0; i < row->desc->natts; i++)
	{
		if (!TupleDescAttr(row->desc, i)->attisdropped)
			put_part(writer, &row->fields[i], row->values[i], row->nulls[i]);
	}
	if ((Pointer) header != DatumGetPointer(value))
		pfree(header);
}

static void
write_range(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	RangeBound	bounds[2];
	bool		empty;

	range_deserialize(vh->range, DatumGetRangeTypeP(value),
					  &bounds[0], &bounds[1], &empty);
	put_bytes(&writer->buf, &empty, 1);
	for (int i = 0; i < 2 && !empty; i++)
	{
		put_bytes(&writer->buf, &bounds[i].infinite, 1);
		put_bytes(&writer->buf, &bounds[i].inclusive, 1);
		if (!bounds[i].infinite)
			write_value(writer, vh->element, bounds[i].val);
	}
}

static void
write_multirange(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	RangeType **ranges;
	int32		nranges;

	multirange_deserialize(vh->range, DatumGetMultirangeTypeP(value),
						   &nranges, &ranges);
	put_uint64(&writer->buf, nranges);
	for (int i = 0; i < nranges; i++)
	{
		if (unlikely(writer->buf.len >= PART_OF_VALUE))
			hash_part(writer);
		write_value(writer, vh->element, RangeTypePGetDatum(ranges[i]));
	}
}

/*
 * write_enum writes the label of an enum to the value buffer.
 */
static void
write_enum(CkptValueWriter *writer, Datum value)
{
	HeapTuple	entry = SearchSysCache1(ENUMOID, value);
	const char *label;

	if (!HeapTupleIsValid(entry))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", DatumGetObjectId(value))));
	label = NameStr(((Form_pg_enum) GETSTRUCT(entry))->enumlabel);
	put_counted(&writer->buf, label, strlen(label));
	ReleaseSysCache(entry);
}

/*
 * write_call writes what a function makes of a value to the value buffer.
 */
static void
write_call(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(writer->call);
	int			nestlevel = vh->any_setting ? ckpt_pinned_begin() : ckpt_pinned_begin_if_needed();

	if (vh->form == FORM_SEND)
	{
		bytea	   *bytes = ckpt_pinned_send(&vh->outfunc, value);

		put_counted(&writer->buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
	else
	{
		ObjectAddress object = {vh->catalog, vh->form == FORM_OBJECT ?
		DatumGetObjectId(value) : InvalidOid, 0};
		char	   *text = vh->form == FORM_OBJECT ? getObjectIdentity(&object, true) :
			OutputFunctionCall(&vh->outfunc, value);

		/* no such object: there is nothing but the number */
		if (text == NULL)
			text = psprintf("%u", object.objectId);
		put_counted(&writer->buf, text, strlen(text));
	}
	ckpt_pinned_end(nestlevel);
	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(writer->call);
}

/*
 * decompress returns a value that is compressed as it was, in the writer's room if
 * that is large enough: memory that is new each time would cost more than the rest.
 */
static struct varlena *
decompress(CkptValueWriter *writer, struct varlena *v)
{
	int32		size = VARDATA_COMPRESSED_GET_EXTSIZE(v);

	if (TOAST_COMPRESS_METHOD(v) != TOAST_PGLZ_COMPRESSION_ID || size > ROOM_BYTES)
		return detoast_attr(v);
	if (writer->room == NULL)
		writer->room = MemoryContextAlloc(writer->cxt, VARHDRSZ + ROOM_BYTES);
	if (pglz_decompress((char *) v + VARHDRSZ_COMPRESSED, VARSIZE(v) - VARHDRSZ_COMPRESSED,
						VARDATA(writer->room), size, true) != size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg_internal("compressed pglz data is corrupt")));
	SET_VARSIZE(writer->room, VARHDRSZ + size);
	return writer->room;
}

/*
 * ckpt_valuehash_fetch returns a value with an image where its bytes are as they count,
 * until the next one is fetched.  Allocates in CurrentMemoryContext if they must be
 * made so.
 */
struct varlena *
ckpt_valuehash_fetch(CkptValueWriter *writer, const CkptValueHasher *vh, Datum value)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	struct varlena *copy;

	if (VARATT_IS_EXTERNAL_ONDISK(v))
		v = detoast_external_attr(v);
	v = VARATT_IS_COMPRESSED(v) ? decompress(writer, v) : detoast_attr(v);
	if (LITTLE_ENDIAN_MACHINE)
		return v;
	copy = palloc(VARSIZE_ANY_EXHDR(v) + VARHDRSZ);
	SET_VARSIZE(copy, VARSIZE_ANY_EXHDR(v) + VARHDRSZ);
	copy_numbers(VARDATA(copy), VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), vh->numbers);
	return copy;
}

/*
 * write_value writes a value that is not null to the value buffer.
 *
 * Forms that allocate memory do so in the scratch context.
 */
static void
write_value(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	StringInfo	buf = &writer->buf;
	MemoryContext oldcxt;

	switch (vh->form)
	{
		case FORM_BYVAL:
			/* the unused bits of a Datum are not always the same */
			if (vh->typlen == 1)
				put_uint64(buf, (uint8) value);
			else if (vh->typlen == 2)
				put_uint64(buf, (uint16) value);
			else if (vh->typlen == 4)
				put_uint64(buf, (uint32) value);
			else
				put_uint64(buf, (uint64) value);
			return;
		case FORM_FLOAT4:
			put_uint64(buf, float4_bits(DatumGetFloat4(value)));
			return;
		case FORM_FLOAT8:
			put_uint64(buf, float8_bits(DatumGetFloat8(value)));
			return;
		case FORM_FIXED:
			enlargeStringInfo(buf, vh->typlen);
			copy_numbers(buf->data + buf->len, DatumGetPointer(value), vh->typlen,
						 vh->numbers);
			buf->len += vh->typlen;
			return;
		case FORM_ENUM:
			write_enum(writer, value);
			return;
		case FORM_NAME:
			put_counted(buf, DatumGetCString(value), strlen(DatumGetCString(value)));
			return;
		case FORM_VARLENA:
			{
				struct varlena *v = (struct varlena *) DatumGetPointer(value);

				if (!must_fetch(v))
				{
					put_counted(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
					return;
				}
				break;
			}
		default:
			break;
	}

	writer->scratched = true;
	oldcxt = MemoryContextSwitchTo(writer->scratch);
	switch (vh->form)
	{
		case FORM_VARLENA:
			{
				struct varlena *v = ckpt_valuehash_fetch(writer, vh, value);

				put_counted(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
				break;
			}
		case FORM_ARRAY:
			write_array(writer, vh, value);
			break;
		case FORM_COMPOSITE:
			write_composite(writer, vh, value);
			break;
		case FORM_RANGE:
			write_range(writer, vh, value);
			break;
		case FORM_MULTIRANGE:
			write_multirange(writer, vh, value);
			break;
		case FORM_OBJECT:
		case FORM_SEND:
		case FORM_TEXT:
			write_call(writer, vh, value);
			break;
		default:
			elog(ERROR, "unexpected hash form %d", vh->form);
	}
	MemoryContextSwitchTo(oldcxt);
}

/*
 * ckpt_valuehash_write writes a value that is not null.
 *
 * If writer->hashed is 0 afterwards, the value's bytes are in writer->buf.
 * Otherwise the value was hashed as it was written: writer->hashed is its
 * length, and the digest of writer->state stands for its bytes.
 */
void
ckpt_valuehash_write(CkptValueWriter *writer, CkptValueHasher *vh, Datum value)
{
	writer->buf.len = 0;
	writer->hashed = 0;
	write_value(writer, vh, value);
	if (writer->hashed > 0)
		hash_part(writer);
}
