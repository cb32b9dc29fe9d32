/*-------------------------------------------------------------------------
 *
 * rowhash.c
 *	  Content hash: an order-independent 128-bit hash of a set of rows.
 *
 * Each row is hashed with XXH3, and the hashes are added up modulo 2^128; the
 * sum, the number of rows and the names and types of the columns make the
 * content hash.  A sum does not care for the order of its parts but does for
 * their number, unlike exclusive or.
 *
 * What is hashed of a row are its values as they stand in a heap tuple of a
 * little-endian machine: each at its type's alignment, filled up with zeros; a
 * length of one byte before the bytes of a value that is short enough, else of
 * four; nothing for nulls.  Which are null goes into the seed of the hash.  A
 * long value stands there as its own hash.
 *
 * So a tuple need not be taken apart to be hashed, if its values are of types
 * whose image is their value and are stored in the one way that counts, which
 * a look at each shows.  If not, the row is written to a buffer in that form.
 *
 * The hash is stored, so it must not depend on anything that differs between
 * two databases with the same contents: no OIDs (the labels of enums and the
 * fields of composite values are hashed, never their images), no padding, no
 * TOAST; and not on settings.  Built-in types whose image is their value are
 * hashed by image; types that we know nothing of as they are sent to a client
 * in binary, or else in text.
 *
 * Columns whose names begin with sys__ are passed over.
 *
 * IDENTIFICATION
 *	  src/rowhash.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "rowhash.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* Values longer than this stand in the row as their own hash, bytes. */
#define LONG_VALUE		1024

/* What stands in place of a long value's length: no length looks like that. */
#define LONG_VALUE_MARK 2

/* Longest value that has a length of one byte. */
#define SHORT_VALUE		(VARATT_SHORT_MAX - VARHDRSZ_SHORT)

/* How a value is turned into bytes. */
typedef enum HashForm
{
	FORM_BYVAL,					/* fixed length, passed by value */
	FORM_FLOAT4,				/* the same, with one NaN */
	FORM_FLOAT8,
	FORM_FIXED,					/* fixed length, passed by reference */
	FORM_VARLENA,				/* the bytes of its payload */
	/* those above have an image */
	FORM_NAME,					/* up to the NUL */
	FORM_ARRAY,
	FORM_COMPOSITE,
	FORM_RANGE,
	FORM_MULTIRANGE,
	FORM_OBJECT,				/* reg*: what it names */
	FORM_SEND,					/* its send function's bytes */
	FORM_TEXT					/* its output function's text */
} HashForm;

typedef struct ValueHasher
{
	HashForm	form;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			typid;			/* base type */
	FmgrInfo	outfunc;		/* FORM_SEND, FORM_TEXT */
	Oid			catalog;		/* FORM_OBJECT */
	TypeCacheEntry *range;		/* FORM_RANGE, FORM_MULTIRANGE */
	struct ValueHasher *element;	/* array, range, multirange */
	/* FORM_COMPOSITE: the row type met last */
	Oid			row_typid;
	int32		row_typmod;
	TupleDesc	row_desc;
	uint64		row_names;		/* hash of the fields' names */
	struct ValueHasher *fields;
} ValueHasher;

struct CkptRowHasher
{
	MemoryContext cxt;			/* what the hasher consists of */
	MemoryContext scratch;		/* emptied after each row that used it */
	TupleDesc	desc;
	int			ncols;			/* columns hashed ... */
	int		   *cols;			/* ... and their indexes in desc */
	ValueHasher *hashers;		/* by column index */
	StringInfoData row;			/* the row at hand */
	StringInfoData buf;			/* the value at hand, if it has no image */
	uint8	   *nulls;			/* bit by column hashed */
	bool		scratched;

	/* for tuples */
	bool		has_image;		/* their images may be hashed, from ... */
	int			first;			/* ... this column on ... */
	Size		first_offset;	/* ... which is here */
	int			after;			/* the first column that must be looked at ... */
	Size		after_offset;	/* ... and where those before it end */
	Datum	   *values;
	bool	   *isnull;
};

static void rowhash_value(CkptRowHasher *hasher, ValueHasher *vh, Datum value);

/*
 * The catalog that values of a reg* type point into, or InvalidOid.
 */
static Oid
object_catalog(Oid typid)
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
 * rowhash_init_value works out how values of a type are turned into bytes.
 */
static void
rowhash_init_value(ValueHasher *vh, Oid typid)
{
	Oid			element;
	Oid			outfunc;
	HeapTuple	entry;

	check_stack_depth();

	memset(vh, 0, sizeof(ValueHasher));
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
		case MACADDR8OID:
			vh->form = vh->typbyval ? FORM_BYVAL : FORM_FIXED;
			return;
		case TIDOID:
		case TIMETZOID:
		case INTERVALOID:
		case UUIDOID:
		case MACADDROID:
		case POINTOID:
		case LSEGOID:
		case BOXOID:
		case LINEOID:
		case CIRCLEOID:
			vh->form = FORM_FIXED;
			return;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
		case JSONOID:
		case JSONBOID:
		case XMLOID:
		case NUMERICOID:
		case INETOID:
		case CIDROID:
		case BITOID:
		case VARBITOID:
		case TSVECTOROID:
		case TSQUERYOID:
		case PATHOID:
		case POLYGONOID:
			vh->form = FORM_VARLENA;
			return;
		default:
			break;
	}

	element = get_element_type(typid);
	if (OidIsValid(element) && vh->typlen == -1)
	{
		vh->form = FORM_ARRAY;
		vh->element = palloc(sizeof(ValueHasher));
		rowhash_init_value(vh->element, element);
		return;
	}

	switch (get_typtype(typid))
	{
		case TYPTYPE_COMPOSITE:
			vh->form = FORM_COMPOSITE;
			return;
		case TYPTYPE_RANGE:
			vh->form = FORM_RANGE;
			vh->range = lookup_type_cache(typid, TYPECACHE_RANGE_INFO);
			vh->element = palloc(sizeof(ValueHasher));
			rowhash_init_value(vh->element, vh->range->rngelemtype->type_id);
			return;
		case TYPTYPE_MULTIRANGE:
			vh->form = FORM_MULTIRANGE;
			vh->range = lookup_type_cache(typid, TYPECACHE_MULTIRANGE_INFO)->rngtype;
			vh->element = palloc(sizeof(ValueHasher));
			rowhash_init_value(vh->element, vh->range->type_id);
			return;
		default:
			break;
	}

	if (typid == RECORDOID)
	{
		vh->form = FORM_COMPOSITE;
		return;
	}

	vh->catalog = object_catalog(typid);
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
}

static inline Size
align_offset(Size offset, char typalign)
{
	switch (typalign)
	{
		case TYPALIGN_CHAR:
			return offset;
		case TYPALIGN_SHORT:
			return TYPEALIGN(2, offset);
		case TYPALIGN_INT:
			return TYPEALIGN(4, offset);
		default:
			return TYPEALIGN(8, offset);
	}
}

/*
 * rowhash_init_image works out whether tuples can be hashed as they are: this
 * machine lays them out in the form that counts, all columns are of types that
 * have an image, and those that are not hashed come first and change nothing
 * about where the others are.
 */
static void
rowhash_init_image(CkptRowHasher *hasher)
{
	TupleDesc	desc = hasher->desc;
	Size		offset = 0;

#ifdef WORDS_BIGENDIAN
	return;
#endif
	if (ALIGNOF_SHORT != 2 || ALIGNOF_INT != 4 || ALIGNOF_DOUBLE != 8 ||
		hasher->ncols == 0)
		return;

	hasher->first = hasher->cols[0];
	if (hasher->first + hasher->ncols != desc->natts)
		return;
	for (int i = 0; i < hasher->first; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attlen != sizeof(int64) ||
			att->attalign != TYPALIGN_DOUBLE)
			return;
		offset += sizeof(int64);
	}
	for (int i = hasher->first; i < desc->natts; i++)
	{
		if (hasher->hashers[i].form > FORM_VARLENA)
			return;
	}
	hasher->first_offset = offset;
	hasher->after = hasher->first;
	hasher->after_offset = offset;
	hasher->has_image = true;

	for (int i = hasher->first; i < desc->natts; i++)
	{
		const ValueHasher *vh = &hasher->hashers[i];

		if (vh->form != FORM_BYVAL && vh->form != FORM_FIXED)
			break;
		offset = align_offset(offset, vh->typalign) + vh->typlen;
		hasher->after = i + 1;
		hasher->after_offset = offset;
	}
}

/*
 * ckpt_rowhash_create makes a hasher for rows of the given type, in a child of
 * CurrentMemoryContext.
 */
CkptRowHasher *
ckpt_rowhash_create(TupleDesc desc)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "checkpoint row hasher",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcxt = MemoryContextSwitchTo(cxt);
	CkptRowHasher *hasher = palloc0(sizeof(CkptRowHasher));

	hasher->cxt = cxt;
	hasher->scratch = AllocSetContextCreate(cxt, "checkpoint row hasher scratch",
											ALLOCSET_DEFAULT_SIZES);
	hasher->desc = CreateTupleDescCopyConstr(desc);
	hasher->cols = palloc(Max(desc->natts, 1) * sizeof(int));
	hasher->hashers = palloc(Max(desc->natts, 1) * sizeof(ValueHasher));
	hasher->nulls = palloc(BITMAPLEN(Max(desc->natts, 1)));
	hasher->values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	hasher->isnull = palloc(Max(desc->natts, 1) * sizeof(bool));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || ckpt_is_system_column(NameStr(att->attname)))
			continue;
		hasher->cols[hasher->ncols++] = i;
		rowhash_init_value(&hasher->hashers[i], att->atttypid);
	}
	rowhash_init_image(hasher);
	initStringInfo(&hasher->row);
	initStringInfo(&hasher->buf);
	MemoryContextSwitchTo(oldcxt);
	return hasher;
}

static inline void
put_bytes(StringInfo buf, const void *bytes, Size len)
{
	if (buf->maxlen - buf->len <= (int) len)
		enlargeStringInfo(buf, (int) len);
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += (int) len;
}

/* float4_bits and float8_bits give the image of a number; all NaN are one. */
static inline uint32
float4_bits(float4 f)
{
	uint32		bits = 0x7fc00000;

	if (f == f)
		memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static inline uint64
float8_bits(float8 f)
{
	uint64		bits = UINT64CONST(0x7ff8000000000000);

	if (f == f)
		memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static inline void
put_uint64(StringInfo buf, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	put_bytes(buf, &value, sizeof(value));
}

/*
 * put_counted writes a string of bytes that can be told from its neighbours.
 */
static inline void
put_counted(StringInfo buf, const char *bytes, Size len)
{
	put_uint64(buf, len);
	if (len <= LONG_VALUE)
		put_bytes(buf, bytes, len);
	else
	{
		XXH128_hash_t hash = XXH3_128bits(bytes, len);

		put_uint64(buf, hash.low64);
		put_uint64(buf, hash.high64);
	}
}

static void
rowhash_array(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	ValueHasher *element = vh->element;
	Datum	   *values;
	bool	   *nulls;
	int			nelems;

	put_uint64(&hasher->buf, ARR_NDIM(array));
	for (int i = 0; i < ARR_NDIM(array); i++)
	{
		put_uint64(&hasher->buf, ARR_DIMS(array)[i]);
		put_uint64(&hasher->buf, (int64) ARR_LBOUND(array)[i]);
	}

	deconstruct_array(array, ARR_ELEMTYPE(array), element->typlen,
					  element->typbyval, element->typalign,
					  &values, &nulls, &nelems);
	for (int i = 0; i < nelems; i++)
	{
		put_bytes(&hasher->buf, &nulls[i], 1);
		if (!nulls[i])
			rowhash_value(hasher, element, values[i]);
	}
}

static void
rowhash_composite(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	Oid			typid = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	if (vh->row_desc == NULL || vh->row_typid != typid || vh->row_typmod != typmod)
	{
		MemoryContext oldcxt = MemoryContextSwitchTo(hasher->cxt);
		StringInfoData names;

		initStringInfo(&names);
		vh->row_desc = lookup_rowtype_tupdesc_copy(typid, typmod);
		vh->row_typid = typid;
		vh->row_typmod = typmod;
		vh->fields = palloc(Max(vh->row_desc->natts, 1) * sizeof(ValueHasher));
		for (int i = 0; i < vh->row_desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(vh->row_desc, i);

			if (att->attisdropped)
				continue;
			rowhash_init_value(&vh->fields[i], att->atttypid);
			put_counted(&names, NameStr(att->attname), strlen(NameStr(att->attname)));
		}
		vh->row_names = XXH3_64bits(names.data, names.len);
		pfree(names.data);
		MemoryContextSwitchTo(oldcxt);
	}

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;

	values = palloc(vh->row_desc->natts * sizeof(Datum));
	nulls = palloc(vh->row_desc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, vh->row_desc, values, nulls);
	put_uint64(&hasher->buf, vh->row_names);
	for (int i = 0; i < vh->row_desc->natts; i++)
	{
		if (TupleDescAttr(vh->row_desc, i)->attisdropped)
			continue;
		put_bytes(&hasher->buf, &nulls[i], 1);
		if (!nulls[i])
			rowhash_value(hasher, &vh->fields[i], values[i]);
	}
}

static void
rowhash_range(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	RangeBound	bounds[2];
	bool		empty;

	range_deserialize(vh->range, DatumGetRangeTypeP(value),
					  &bounds[0], &bounds[1], &empty);
	put_bytes(&hasher->buf, &empty, 1);
	for (int i = 0; i < 2 && !empty; i++)
	{
		put_bytes(&hasher->buf, &bounds[i].infinite, 1);
		put_bytes(&hasher->buf, &bounds[i].inclusive, 1);
		if (!bounds[i].infinite)
			rowhash_value(hasher, vh->element, bounds[i].val);
	}
}

static void
rowhash_multirange(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	RangeType **ranges;
	int32		nranges;

	multirange_deserialize(vh->range, DatumGetMultirangeTypeP(value),
						   &nranges, &ranges);
	put_uint64(&hasher->buf, nranges);
	for (int i = 0; i < nranges; i++)
		rowhash_value(hasher, vh->element, RangeTypePGetDatum(ranges[i]));
}

/*
 * rowhash_value writes a value that is not null to the value buffer.
 *
 * Forms that allocate memory do so in the scratch context.
 */
static void
rowhash_value(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	StringInfo	buf = &hasher->buf;
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
			put_bytes(buf, DatumGetPointer(value), vh->typlen);
			return;
		case FORM_NAME:
			put_counted(buf, DatumGetCString(value), strlen(DatumGetCString(value)));
			return;
		case FORM_VARLENA:
			{
				struct varlena *v = (struct varlena *) DatumGetPointer(value);

				/* a TOAST pointer passes for a short value, too */
				if (!VARATT_IS_EXTERNAL(v) && !VARATT_IS_COMPRESSED(v))
				{
					put_counted(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
					return;
				}
				break;
			}
		default:
			break;
	}

	hasher->scratched = true;
	oldcxt = MemoryContextSwitchTo(hasher->scratch);
	switch (vh->form)
	{
		case FORM_VARLENA:
			{
				struct varlena *v = detoast_attr((struct varlena *) DatumGetPointer(value));

				put_counted(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
				break;
			}
		case FORM_ARRAY:
			rowhash_array(hasher, vh, value);
			break;
		case FORM_COMPOSITE:
			rowhash_composite(hasher, vh, value);
			break;
		case FORM_RANGE:
			rowhash_range(hasher, vh, value);
			break;
		case FORM_MULTIRANGE:
			rowhash_multirange(hasher, vh, value);
			break;
		case FORM_OBJECT:
			{
				ObjectAddress object = {vh->catalog, DatumGetObjectId(value), 0};
				char	   *text = getObjectIdentity(&object, true);

				/* no such object: there is nothing but the number */
				if (text == NULL)
					text = psprintf("%u", DatumGetObjectId(value));
				put_counted(buf, text, strlen(text));
				break;
			}
		case FORM_SEND:
			{
				bytea	   *bytes = SendFunctionCall(&vh->outfunc, value);

				put_counted(buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
				break;
			}
		case FORM_TEXT:
			{
				char	   *text = OutputFunctionCall(&vh->outfunc, value);

				put_counted(buf, text, strlen(text));
				break;
			}
		default:
			elog(ERROR, "unexpected hash form %d", vh->form);
	}
	MemoryContextSwitchTo(oldcxt);
}

/*
 * row_space returns where in the row's buffer a value of so many bytes begins,
 * after zeros up to its alignment, and makes it part of the row.
 */
static inline char *
row_space(StringInfo row, char typalign, Size len)
{
	Size		offset = align_offset(row->len, typalign);
	char	   *space;

	if (offset + len >= row->maxlen)
		enlargeStringInfo(row, (int) (offset + len - row->len));
	while (row->len < offset)
		row->data[row->len++] = 0;
	space = row->data + offset;
	row->len = offset + len;
	return space;
}

static inline void
row_put_number(StringInfo row, char typalign, uint64 value, Size len)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	memcpy(row_space(row, typalign, len), &value, len);
}

/*
 * row_put_string writes a value of any length.
 */
static void
row_put_string(StringInfo row, char typalign, const char *bytes, Size len)
{
	if (len <= SHORT_VALUE)
	{
		char	   *space = row_space(row, TYPALIGN_CHAR, VARHDRSZ_SHORT + len);

		space[0] = (char) (((VARHDRSZ_SHORT + len) << 1) | 1);
		memcpy(space + VARHDRSZ_SHORT, bytes, len);
	}
	else if (len <= LONG_VALUE)
	{
		row_put_number(row, typalign, (VARHDRSZ + len) << 2, VARHDRSZ);
		memcpy(row_space(row, TYPALIGN_CHAR, len), bytes, len);
	}
	else
	{
		XXH128_hash_t hash = XXH3_128bits(bytes, len);

		row_put_number(row, typalign, LONG_VALUE_MARK, VARHDRSZ);
		row_put_number(row, TYPALIGN_CHAR, len, sizeof(uint64));
		row_put_number(row, TYPALIGN_CHAR, hash.low64, sizeof(uint64));
		row_put_number(row, TYPALIGN_CHAR, hash.high64, sizeof(uint64));
	}
}

/*
 * row_put writes a value that is not null to the row's buffer.
 */
static void
row_put(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	StringInfo	row = &hasher->row;
	struct varlena *v;

	switch (vh->form)
	{
		case FORM_BYVAL:
			row_put_number(row, vh->typalign, value, vh->typlen);
			return;
		case FORM_FLOAT4:
			row_put_number(row, vh->typalign, float4_bits(DatumGetFloat4(value)),
						   sizeof(float4));
			return;
		case FORM_FLOAT8:
			row_put_number(row, vh->typalign, float8_bits(DatumGetFloat8(value)),
						   sizeof(float8));
			return;
		case FORM_FIXED:
			memcpy(row_space(row, vh->typalign, vh->typlen), DatumGetPointer(value),
				   vh->typlen);
			return;
		case FORM_VARLENA:
			v = (struct varlena *) DatumGetPointer(value);
			if (VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v))
			{
				MemoryContext oldcxt = MemoryContextSwitchTo(hasher->scratch);

				hasher->scratched = true;
				v = detoast_attr(v);
				MemoryContextSwitchTo(oldcxt);
			}
			row_put_string(row, vh->typalign, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			return;
		default:
			hasher->buf.len = 0;
			rowhash_value(hasher, vh, value);
			row_put_string(row, vh->typalign, hasher->buf.data, hasher->buf.len);
			return;
	}
}

/*
 * hash_image hashes the bytes of a row; nulls has a bit for each column, or is
 * NULL if no value is null.
 */
static inline XXH128_hash_t
hash_image(const CkptRowHasher *hasher, const char *bytes, Size len, const uint8 *nulls)
{
	uint64		seed = 0;

	if (nulls)
		seed = XXH3_64bits(nulls, BITMAPLEN(hasher->ncols));
	return XXH3_128bits_withSeed(bytes, len, seed);
}

static inline void
add_hash(CkptRowSum *sum, XXH128_hash_t hash)
{
	sum->lo += hash.low64;
	sum->hi += hash.high64 + (sum->lo < hash.low64);
	sum->rows++;
}

/*
 * note_null notes that the i-th of the columns hashed is null.
 */
static inline void
note_null(CkptRowHasher *hasher, int i, bool first)
{
	if (first)
		memset(hasher->nulls, 0, BITMAPLEN(hasher->ncols));
	hasher->nulls[i >> 3] |= 1 << (i & 7);
}

/*
 * ckpt_rowhash_add adds a row to a sum.  The arrays are by column of the row
 * type that the hasher was made for; values may be toasted.
 */
void
ckpt_rowhash_add(CkptRowHasher *hasher, CkptRowSum *sum,
				 const Datum *values, const bool *isnull)
{
	bool		has_nulls = false;

	hasher->row.len = 0;
	for (int i = 0; i < hasher->ncols; i++)
	{
		int			col = hasher->cols[i];

		if (!isnull[col])
			row_put(hasher, &hasher->hashers[col], values[col]);
		else
		{
			note_null(hasher, i, !has_nulls);
			has_nulls = true;
		}
	}
	add_hash(sum, hash_image(hasher, hasher->row.data, hasher->row.len,
							 has_nulls ? hasher->nulls : NULL));
	if (hasher->scratched)
	{
		MemoryContextReset(hasher->scratch);
		hasher->scratched = false;
	}
}

/*
 * find_image looks whether a tuple's values stand there in the form that
 * counts.  Returns where they end, or 0 if they do not; sets *has_nulls, and
 * the hasher's nulls if there are any.
 */
static inline Size
find_image(CkptRowHasher *hasher, HeapTupleHeader header, bool *has_nulls)
{
	const char *data = (const char *) header + header->t_hoff;
	bool		bitmap = (header->t_infomask & HEAP_HASNULL) != 0;
	Size		offset = bitmap ? hasher->first_offset : hasher->after_offset;
	int			natts = hasher->desc->natts;

	*has_nulls = false;
	if (!hasher->has_image || HeapTupleHeaderGetNatts(header) < natts)
		return 0;
	for (int i = bitmap ? hasher->first : hasher->after; i < natts; i++)
	{
		const ValueHasher *vh = &hasher->hashers[i];

		if (bitmap && att_isnull(i, header->t_bits))
		{
			note_null(hasher, i - hasher->first, !*has_nulls);
			*has_nulls = true;
			continue;
		}
		if (vh->form == FORM_VARLENA)
		{
			/* a byte of zero begins no length: it is there for alignment */
			if (data[offset] == 0)
				offset = align_offset(offset, vh->typalign);
			if (VARATT_IS_1B(data + offset))
			{
				if (VARATT_IS_1B_E(data + offset))
					return 0;
				offset += VARSIZE_1B(data + offset);
			}
			else
			{
				Size		len = VARSIZE_4B(data + offset) - VARHDRSZ;

				if (!VARATT_IS_4B_U(data + offset) || len <= SHORT_VALUE || len > LONG_VALUE)
					return 0;
				offset += VARHDRSZ + len;
			}
			continue;
		}
		offset = align_offset(offset, vh->typalign);
		if (vh->form == FORM_FLOAT4)
		{
			float4		f = *(const float4 *) (data + offset);

			if (f != f)
				return 0;
		}
		else if (vh->form == FORM_FLOAT8)
		{
			float8		f = *(const float8 *) (data + offset);

			if (f != f)
				return 0;
		}
		offset += vh->typlen;
	}
	return offset;
}

/*
 * ckpt_rowhash_add_tuple adds a row to a sum, given as a tuple of the row type
 * that the hasher was made for.
 */
void
ckpt_rowhash_add_tuple(CkptRowHasher *hasher, CkptRowSum *sum, HeapTuple tuple)
{
	bool		has_nulls;
	Size		end = find_image(hasher, tuple->t_data, &has_nulls);

	if (end > 0)
	{
		Size		begin = hasher->first_offset;

		add_hash(sum, hash_image(hasher,
								 (char *) tuple->t_data + tuple->t_data->t_hoff + begin,
								 end - begin, has_nulls ? hasher->nulls : NULL));
		return;
	}
	heap_deform_tuple(tuple, hasher->desc, hasher->values, hasher->isnull);
	ckpt_rowhash_add(hasher, sum, hasher->values, hasher->isnull);
}

static char *
rowhash_to_text(XXH128_hash_t hash)
{
	return psprintf("%016llx%016llx", (unsigned long long) hash.high64,
					(unsigned long long) hash.low64);
}

/*
 * ckpt_rowhash_merge adds the rows of another sum to a sum.
 */
void
ckpt_rowhash_merge(CkptRowSum *sum, const CkptRowSum *other)
{
	sum->lo += other->lo;
	sum->hi += other->hi + (sum->lo < other->lo);
	sum->rows += other->rows;
}

/*
 * ckpt_rowhash_columns writes the names and types of the columns hashed.
 */
char *
ckpt_rowhash_columns(const CkptRowHasher *hasher)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < hasher->ncols; i++)
	{
		Form_pg_attribute att = TupleDescAttr(hasher->desc, hasher->cols[i]);

		appendStringInfo(&buf, "%s %s, ", quote_identifier(NameStr(att->attname)),
						 ckpt_column_type_text(att));
	}
	return buf.data;
}

/*
 * ckpt_rowhash_finish returns the content hash of the rows in a sum, which have
 * the given columns, as 32 hex digits in CurrentMemoryContext.
 */
char *
ckpt_rowhash_finish(const char *columns, const CkptRowSum *sum)
{
	StringInfoData buf;

	initStringInfo(&buf);
	put_uint64(&buf, sum->lo);
	put_uint64(&buf, sum->hi);
	put_uint64(&buf, sum->rows);
	put_counted(&buf, columns, strlen(columns));
	return rowhash_to_text(XXH3_128bits(buf.data, buf.len));
}

/*
 * ckpt_column_type_text writes a column's type, with its collation if that is
 * not the type's own, as text that can be stored and compared.
 */
char *
ckpt_column_type_text(Form_pg_attribute att)
{
	char	   *type = format_type_extended(att->atttypid, att->atttypmod,
											FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	ObjectAddress collation = {CollationRelationId, att->attcollation, 0};

	if (att->attcollation == get_typcollation(att->atttypid))
		return type;
	return psprintf("%s COLLATE %s", type, getObjectIdentity(&collation, false));
}

/*
 * ckpt_rowhash_has_names returns whether names that may change are part of a
 * value's hash: the fields of a composite value, the label of an enum, what a
 * reg* value points to.
 */
bool
ckpt_rowhash_has_names(Oid typid)
{
	Oid			part;

	typid = getBaseType(typid);
	part = get_element_type(typid);
	if (!OidIsValid(part))
		part = get_range_subtype(typid);
	if (!OidIsValid(part))
		part = get_multirange_range(typid);
	if (OidIsValid(part))
		return ckpt_rowhash_has_names(part);
	return get_typtype(typid) == TYPTYPE_COMPOSITE || get_typtype(typid) == TYPTYPE_ENUM ||
		typid == RECORDOID || OidIsValid(object_catalog(typid));
}

/*
 * ckpt_hash_text returns the hash of a string, as 32 hex digits.
 */
char *
ckpt_hash_text(const char *text)
{
	return rowhash_to_text(XXH3_128bits(text, strlen(text)));
}
