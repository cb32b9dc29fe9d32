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
 * TOAST; and not on settings, nor on the encoding of a client.  Built-in types
 * whose image is their value are hashed by image; types that we know nothing of
 * by their binary form, or else their text form, under pinned settings.
 *
 * Numbers are hashed as a little-endian machine stores them.  On a big-endian one
 * jsonb, tsvector and tsquery, whose images are not made of numbers of known
 * sizes, have other hashes.
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

/* Hashes are stored: those of XXH3 are final from this version on. */
#if XXH_VERSION_NUMBER < 800
#error "checkpoint needs xxHash 0.8.0 or later"
#endif

#include "access/detoast.h"
#include "access/htup_details.h"
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
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pinned.h"
#include "port/pg_bswap.h"
#include "rowhash.h"
#include "utils/array.h"
#include "utils/arrayaccess.h"
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

/* A value that is written part by part is hashed when it has so many bytes. */
#define PART_OF_VALUE	(32 * 1024)

/* Where the state of XXH3 must stand. */
#define HASH_STATE_ALIGN	64

#ifdef WORDS_BIGENDIAN
#define LITTLE_ENDIAN_MACHINE	false
#else
#define LITTLE_ENDIAN_MACHINE	true
#endif

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
	FORM_ENUM,					/* its label */
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
	const char *numbers;		/* FORM_FIXED, FORM_VARLENA: see copy_numbers() */
	FmgrInfo	outfunc;		/* FORM_SEND, FORM_TEXT */
	bool		any_setting;	/* FORM_TEXT: may depend on any setting */
	Oid			catalog;		/* FORM_OBJECT */
	TypeCacheEntry *range;		/* FORM_RANGE, FORM_MULTIRANGE */
	struct ValueHasher *element;	/* array, range, multirange */
	struct RowType *rows;		/* FORM_COMPOSITE: those met, the last one first */
} ValueHasher;

/* A row type that values of a column were of. */
typedef struct RowType
{
	struct RowType *next;
	Oid			typid;
	int32		typmod;
	TupleDesc	desc;
	uint64		names;			/* hash of the fields' names */
	ValueHasher *fields;
	Datum	   *values;			/* of the value at hand */
	bool	   *nulls;
} RowType;

struct CkptRowHasher
{
	MemoryContext cxt;			/* what the hasher consists of */
	MemoryContext scratch;		/* emptied after each row that used it */
	MemoryContext call;			/* emptied after each call of a function */
	TupleDesc	desc;
	int			ncols;			/* columns hashed ... */
	int		   *cols;			/* ... and their indexes in desc */
	ValueHasher *hashers;		/* by column index */
	StringInfoData row;			/* the row at hand */
	StringInfoData buf;			/* the value at hand, if it has no image */
	Size		hashed;			/* bytes of it that went from there to ... */
	XXH3_state_t *state;		/* ... this state */
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
		vh->element = palloc(sizeof(ValueHasher));
		rowhash_init_value(vh->element, element);
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
	vh->any_setting = vh->form == FORM_TEXT && func_volatile(outfunc) != PROVOLATILE_IMMUTABLE;
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

	if (!LITTLE_ENDIAN_MACHINE || ALIGNOF_SHORT != 2 || ALIGNOF_INT != 4 || ALIGNOF_DOUBLE != 8 ||
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
	hasher->call = AllocSetContextCreate(cxt, "checkpoint row hasher call",
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
	hasher->state = (XXH3_state_t *) TYPEALIGN(HASH_STATE_ALIGN,
											   palloc(sizeof(XXH3_state_t) + HASH_STATE_ALIGN));
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

/*
 * copy_numbers copies numbers that stand one after the other in this machine's
 * byte order.  sizes has the size of each; the last one is that of all that
 * follow.
 */
static inline void
copy_numbers(char *to, const char *from, Size len, const char *sizes)
{
	if (LITTLE_ENDIAN_MACHINE)
	{
		memcpy(to, from, len);
		return;
	}
	while (len > 0)
	{
		int			size = *sizes;

		for (int i = 0; i < size; i++)
			to[i] = from[size - 1 - i];
		to += size;
		from += size;
		len -= size;
		if (sizes[1] != '\0')
			sizes++;
	}
}

/*
 * hash_part hashes what the value buffer holds as a part of the value at hand,
 * and empties it.
 */
static void
hash_part(CkptRowHasher *hasher)
{
	CHECK_FOR_INTERRUPTS();
	if (hasher->hashed == 0)
		XXH3_128bits_reset(hasher->state);
	XXH3_128bits_update(hasher->state, hasher->buf.data, hasher->buf.len);
	hasher->hashed += hasher->buf.len;
	hasher->buf.len = 0;
}

/*
 * put_part writes a part of a value: whether it is null, and if not what it is.
 */
static inline void
put_part(CkptRowHasher *hasher, ValueHasher *vh, Datum value, bool isnull)
{
	if (unlikely(hasher->buf.len >= PART_OF_VALUE))
		hash_part(hasher);
	put_bytes(&hasher->buf, &isnull, 1);
	if (!isnull)
		rowhash_value(hasher, vh, value);
}

static void
rowhash_array(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	AnyArrayType *array = DatumGetAnyArrayP(value);
	ValueHasher *element = vh->element;
	int			ndim = AARR_NDIM(array);
	int			nelems = ArrayGetNItems(ndim, AARR_DIMS(array));
	array_iter	iter;

	put_uint64(&hasher->buf, ndim);
	for (int i = 0; i < ndim; i++)
	{
		put_uint64(&hasher->buf, AARR_DIMS(array)[i]);
		put_uint64(&hasher->buf, (int64) AARR_LBOUND(array)[i]);
	}

	array_iter_setup(&iter, array);
	for (int i = 0; i < nelems; i++)
	{
		bool		isnull;
		Datum		elem = array_iter_next(&iter, &isnull, i, element->typlen,
										   element->typbyval, element->typalign);

		put_part(hasher, element, elem, isnull);
	}
}

/*
 * row_type_create works out how values of a row type are turned into bytes.
 */
static RowType *
row_type_create(CkptRowHasher *hasher, Oid typid, int32 typmod)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(hasher->cxt);
	RowType    *row = palloc0(sizeof(RowType));
	StringInfoData names;
	int			natts;

	initStringInfo(&names);
	row->typid = typid;
	row->typmod = typmod;
	row->desc = lookup_rowtype_tupdesc_copy(typid, typmod);
	natts = Max(row->desc->natts, 1);
	row->fields = palloc(natts * sizeof(ValueHasher));
	row->values = palloc(natts * sizeof(Datum));
	row->nulls = palloc(natts * sizeof(bool));
	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row->desc, i);

		if (att->attisdropped)
			continue;
		rowhash_init_value(&row->fields[i], att->atttypid);
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
find_row_type(CkptRowHasher *hasher, ValueHasher *vh, Oid typid, int32 typmod)
{
	RowType   **link = &vh->rows;
	RowType    *row;

	while (*link && ((*link)->typid != typid || (*link)->typmod != typmod))
		link = &(*link)->next;
	row = *link;
	if (row == NULL)
		row = row_type_create(hasher, typid, typmod);
	else
		*link = row->next;
	row->next = vh->rows;
	vh->rows = row;
	return row;
}

static void
rowhash_composite(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	RowType    *row = find_row_type(hasher, vh, HeapTupleHeaderGetTypeId(header),
									HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;

	heap_deform_tuple(&tuple, row->desc, row->values, row->nulls);
	put_uint64(&hasher->buf, row->names);
	for (int i = 0; i < row->desc->natts; i++)
	{
		if (!TupleDescAttr(row->desc, i)->attisdropped)
			put_part(hasher, &row->fields[i], row->values[i], row->nulls[i]);
	}
	if ((Pointer) header != DatumGetPointer(value))
		pfree(header);
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
	{
		if (unlikely(hasher->buf.len >= PART_OF_VALUE))
			hash_part(hasher);
		rowhash_value(hasher, vh->element, RangeTypePGetDatum(ranges[i]));
	}
}

/*
 * rowhash_enum writes the label of an enum to the value buffer.
 */
static void
rowhash_enum(CkptRowHasher *hasher, Datum value)
{
	HeapTuple	entry = SearchSysCache1(ENUMOID, value);
	const char *label;

	if (!HeapTupleIsValid(entry))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", DatumGetObjectId(value))));
	label = NameStr(((Form_pg_enum) GETSTRUCT(entry))->enumlabel);
	put_counted(&hasher->buf, label, strlen(label));
	ReleaseSysCache(entry);
}

/*
 * rowhash_call writes what a function makes of a value to the value buffer.
 */
static void
rowhash_call(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	MemoryContext oldcxt = MemoryContextSwitchTo(hasher->call);
	int			nestlevel = vh->any_setting ? ckpt_pinned_begin() : ckpt_pinned_begin_if_needed();

	if (vh->form == FORM_SEND)
	{
		bytea	   *bytes = ckpt_pinned_send(&vh->outfunc, value);

		put_counted(&hasher->buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
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
		put_counted(&hasher->buf, text, strlen(text));
	}
	ckpt_pinned_end(nestlevel);
	MemoryContextSwitchTo(oldcxt);
	MemoryContextReset(hasher->call);
}

/*
 * fetch_varlena returns a value with an image where its bytes are as they count.
 * Allocates in CurrentMemoryContext if they must be made so.
 */
static struct varlena *
fetch_varlena(const ValueHasher *vh, Datum value)
{
	struct varlena *v = detoast_attr((struct varlena *) DatumGetPointer(value));
	struct varlena *copy;

	if (LITTLE_ENDIAN_MACHINE)
		return v;
	copy = palloc(VARSIZE_ANY_EXHDR(v) + VARHDRSZ);
	SET_VARSIZE(copy, VARSIZE_ANY_EXHDR(v) + VARHDRSZ);
	copy_numbers(VARDATA(copy), VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), vh->numbers);
	return copy;
}

/*
 * must_fetch returns whether the bytes of a value with an image are not as they
 * count.  A TOAST pointer passes for a short value, too.
 */
static inline bool
must_fetch(const struct varlena *v)
{
	return !LITTLE_ENDIAN_MACHINE || VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v);
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
			enlargeStringInfo(buf, vh->typlen);
			copy_numbers(buf->data + buf->len, DatumGetPointer(value), vh->typlen,
						 vh->numbers);
			buf->len += vh->typlen;
			return;
		case FORM_ENUM:
			rowhash_enum(hasher, value);
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

	hasher->scratched = true;
	oldcxt = MemoryContextSwitchTo(hasher->scratch);
	switch (vh->form)
	{
		case FORM_VARLENA:
			{
				struct varlena *v = fetch_varlena(vh, value);

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
		case FORM_SEND:
		case FORM_TEXT:
			rowhash_call(hasher, vh, value);
			break;
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
 * row_put_long writes what stands for a value that is longer than LONG_VALUE.
 */
static void
row_put_long(StringInfo row, char typalign, Size len, XXH128_hash_t hash)
{
	row_put_number(row, typalign, LONG_VALUE_MARK, VARHDRSZ);
	row_put_number(row, TYPALIGN_CHAR, len, sizeof(uint64));
	row_put_number(row, TYPALIGN_CHAR, hash.low64, sizeof(uint64));
	row_put_number(row, TYPALIGN_CHAR, hash.high64, sizeof(uint64));
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
		row_put_long(row, typalign, len, XXH3_128bits(bytes, len));
}

/*
 * row_put_parts writes a value that is written part by part.
 */
static void
row_put_parts(CkptRowHasher *hasher, ValueHasher *vh, Datum value)
{
	StringInfo	buf = &hasher->buf;

	buf->len = 0;
	hasher->hashed = 0;
	rowhash_value(hasher, vh, value);
	if (hasher->hashed == 0)
		row_put_string(&hasher->row, vh->typalign, buf->data, buf->len);
	else
	{
		hash_part(hasher);
		row_put_long(&hasher->row, vh->typalign, hasher->hashed,
					 XXH3_128bits_digest(hasher->state));
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
			copy_numbers(row_space(row, vh->typalign, vh->typlen), DatumGetPointer(value),
						 vh->typlen, vh->numbers);
			return;
		case FORM_VARLENA:
			v = (struct varlena *) DatumGetPointer(value);
			if (must_fetch(v))
			{
				MemoryContext oldcxt = MemoryContextSwitchTo(hasher->scratch);

				hasher->scratched = true;
				v = fetch_varlena(vh, value);
				MemoryContextSwitchTo(oldcxt);
			}
			row_put_string(row, vh->typalign, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			return;
		default:
			row_put_parts(hasher, vh, value);
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
	/* a null among those that are not hashed moves the others */
	for (int i = 0; bitmap && i < hasher->first; i++)
	{
		if (att_isnull(i, header->t_bits))
			return 0;
	}
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
	int			nestlevel = ckpt_pinned_begin_if_needed();

	initStringInfo(&buf);
	for (int i = 0; i < hasher->ncols; i++)
	{
		Form_pg_attribute att = TupleDescAttr(hasher->desc, hasher->cols[i]);

		appendStringInfo(&buf, "%s %s, ", quote_identifier(NameStr(att->attname)),
						 ckpt_column_type_text(att));
	}
	ckpt_pinned_end(nestlevel);
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
