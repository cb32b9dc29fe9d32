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
 * The values of a row are hashed as they stand in a heap tuple of a
 * little-endian machine: each at its type's alignment, filled up with zeros; a
 * length of one byte before the bytes of a value that is short enough, else of
 * four; nothing for nulls.  Which values are null goes into the seed of the
 * hash.  A long value is represented by its own hash.
 *
 * So a tuple need not be taken apart to be hashed if the types of its columns
 * have an image (see valuehash.h) and its values are stored in that form, which
 * a look at each value shows.  If not, the row is written to a buffer in that
 * form, value by value.
 *
 * The hash is stored, so it must not depend on anything that differs between
 * two databases with the same contents: no OIDs, no padding, no TOAST; and not
 * on settings, nor on the encoding of a client.
 *
 * Columns whose names begin with sys__ are passed over.
 *
 * IDENTIFICATION
 *	  src/rowhash.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "pinned.h"
#include "rowhash.h"
#include "typetext.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "valuehash.h"

/* What stands in place of a long value's length: no length looks like that. */
#define LONG_VALUE_MARK 2

/* Longest value that has a length of one byte. */
#define SHORT_VALUE		(VARATT_SHORT_MAX - VARHDRSZ_SHORT)

/*
 * A column of variable length, and those of fixed length up to the next one.  The
 * latter take so many bytes in a tuple, by where the former ends in eight bytes.
 */
typedef struct Stretch
{
	char		typalign;
	Size		rest[8];
} Stretch;

struct CkptRowHasher
{
	MemoryContext cxt;			/* what the hasher consists of */
	TupleDesc	desc;
	int			ncols;			/* columns hashed ... */
	int		   *cols;			/* ... and their indexes in desc */
	CkptValueHasher *hashers;	/* by column index */
	StringInfoData row;			/* the row at hand */
	CkptValueWriter *writer;	/* for a value that has no image */
	uint8	   *nulls;			/* bit by column hashed */

	/* hashes of long values, by the row's id, which is in this column */
	int			id_column;
	int64		id;				/* of the row at hand */
	CkptLongHashes *noted;		/* where to put them, or NULL */
	CkptLongHashes *known;		/* where they may be, or NULL */
	AttrNumber *origins;		/* by column, what it is called there; 0 is not at all */

	/* for tuples */
	bool		has_image;		/* their images may be hashed, from ... */
	int			first;			/* ... this column on ... */
	Size		first_offset;	/* ... which is here */
	int			after;			/* the first column that must be looked at ... */
	Size		after_offset;	/* ... and where those before it end */
	int			nstretches;		/* from that column on, if no value is null */
	Stretch    *stretches;
	Datum	   *values;
	bool	   *isnull;
};

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
 * rowhash_init_stretches works out what find_image() need not for each row.
 */
static void
rowhash_init_stretches(CkptRowHasher *hasher)
{
	int			natts = hasher->desc->natts;

	hasher->stretches = palloc(Max(natts - hasher->after, 1) * sizeof(Stretch));
	for (int i = hasher->after, next; i < natts; i = next)
	{
		Stretch    *stretch = &hasher->stretches[hasher->nstretches++];

		stretch->typalign = hasher->hashers[i].typalign;
		for (next = i + 1; next < natts && hasher->hashers[next].form != FORM_VARLENA;)
			next++;
		for (Size begin = 0; begin < lengthof(stretch->rest); begin++)
		{
			Size		offset = begin;

			for (int k = i + 1; k < next; k++)
				offset = align_offset(offset, hasher->hashers[k].typalign) +
					hasher->hashers[k].typlen;
			stretch->rest[begin] = offset - begin;
		}
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
		const CkptValueHasher *vh = &hasher->hashers[i];

		if (vh->form == FORM_VARLENA)
			break;
		offset = align_offset(offset, vh->typalign) + vh->typlen;
		hasher->after = i + 1;
		hasher->after_offset = offset;
	}
	rowhash_init_stretches(hasher);
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
	hasher->desc = CreateTupleDescCopyConstr(desc);
	hasher->cols = palloc(Max(desc->natts, 1) * sizeof(int));
	hasher->hashers = palloc(Max(desc->natts, 1) * sizeof(CkptValueHasher));
	hasher->nulls = palloc(BITMAPLEN(Max(desc->natts, 1)));
	hasher->values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	hasher->isnull = palloc(Max(desc->natts, 1) * sizeof(bool));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || ckpt_is_system_column(NameStr(att->attname)))
			continue;
		hasher->cols[hasher->ncols++] = i;
		ckpt_valuehash_init(&hasher->hashers[i], att->atttypid);
	}
	rowhash_init_image(hasher);
	initStringInfo(&hasher->row);
	hasher->writer = ckpt_valuehash_create_writer();
	MemoryContextSwitchTo(oldcxt);
	return hasher;
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
 * row_put_written writes a value that has no image.
 */
static void
row_put_written(CkptRowHasher *hasher, CkptValueHasher *vh, Datum value)
{
	CkptValueWriter *writer = hasher->writer;

	ckpt_valuehash_write(writer, vh, value);
	if (writer->hashed == 0)
		row_put_string(&hasher->row, vh->typalign, writer->buf.data, writer->buf.len);
	else
		row_put_long(&hasher->row, vh->typalign, writer->hashed,
					 XXH3_128bits_digest(writer->state));
}

/*
 * row_put_noted writes a long value, and notes its hash.
 */
static void
row_put_noted(CkptRowHasher *hasher, CkptValueHasher *vh, const char *bytes, Size size)
{
	XXH128_hash_t hash = XXH3_128bits(bytes, size);
	CkptLongHash noted = {hash.low64, hash.high64};

	ckpt_long_hashes_note(hasher->noted, hasher->id, vh - hasher->hashers + 1, size, noted);
	row_put_long(&hasher->row, vh->typalign, size, hash);
}

/*
 * row_put_fetched writes a value with an image whose bytes are not as they count.
 */
static void
row_put_fetched(CkptRowHasher *hasher, CkptValueHasher *vh, Datum value)
{
	StringInfo	row = &hasher->row;
	int			col = (int) (vh - hasher->hashers);
	CkptLongHash known;
	MemoryContext oldcxt;
	struct varlena *v;
	Size		size;

	if (unlikely(hasher->known) && hasher->origins[col] != InvalidAttrNumber)
	{
		size = toast_raw_datum_size(value) - VARHDRSZ;
		if (size > LONG_VALUE &&
			ckpt_long_hashes_find(hasher->known, hasher->id, hasher->origins[col], size, &known))
		{
			XXH128_hash_t hash = {.low64 = known.lo,.high64 = known.hi};

			row_put_long(row, vh->typalign, size, hash);
			return;
		}
	}

	oldcxt = MemoryContextSwitchTo(hasher->writer->scratch);
	hasher->writer->scratched = true;
	v = ckpt_valuehash_fetch(hasher->writer, vh, value);
	MemoryContextSwitchTo(oldcxt);
	size = VARSIZE_ANY_EXHDR(v);
	if (hasher->noted && size > LONG_VALUE)
		row_put_noted(hasher, vh, VARDATA_ANY(v), size);
	else
		row_put_string(row, vh->typalign, VARDATA_ANY(v), size);
}

/*
 * row_put writes a value that is not null to the row's buffer.
 */
static void
row_put(CkptRowHasher *hasher, CkptValueHasher *vh, Datum value)
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
			/* one that does not fit into a row must be fetched the next time */
			if (must_fetch(v))
				row_put_fetched(hasher, vh, value);
			else if (unlikely(hasher->noted != NULL) && VARSIZE_ANY(v) > TOAST_TUPLE_TARGET)
				row_put_noted(hasher, vh, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			else
				row_put_string(row, vh->typalign, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			return;
		default:
			row_put_written(hasher, vh, value);
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
	if (likely(nulls == NULL))
		return XXH3_128bits(bytes, len);	/* as with seed 0 */
	return XXH3_128bits_withSeed(bytes, len, XXH3_64bits(nulls, BITMAPLEN(hasher->ncols)));
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
	if (hasher->noted || hasher->known)
		hasher->id = DatumGetInt64(values[hasher->id_column]);
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
	ckpt_valuehash_reset(hasher->writer);
}

/*
 * ckpt_rowhash_note has the hashes of long values noted.  The rows of the hasher have
 * sys__id in their first column; they come in the order of it.
 */
void
ckpt_rowhash_note(CkptRowHasher *hasher, CkptLongHashes *hashes)
{
	hasher->noted = hashes;
	hasher->id_column = 0;
}

/*
 * ckpt_rowhash_origins says what the columns of the hasher are called where hashes of
 * long values were noted: by column an attribute number, or 0.  id_column has the id of
 * the row that they come from, there.
 */
void
ckpt_rowhash_origins(CkptRowHasher *hasher, int id_column, const AttrNumber *origins)
{
	Size		size = hasher->desc->natts * sizeof(AttrNumber);

	hasher->origins = MemoryContextAlloc(hasher->cxt, Max(size, 1));
	memcpy(hasher->origins, origins, size);
	hasher->id_column = id_column;
}

/*
 * ckpt_rowhash_known says where the hashes of long values of the next rows may be,
 * until told otherwise; NULL is nowhere.  Needs ckpt_rowhash_origins().
 */
void
ckpt_rowhash_known(CkptRowHasher *hasher, CkptLongHashes *hashes)
{
	hasher->known = hashes;
}

/*
 * skip_string returns where a value of variable length ends that stands at an
 * offset, or 0 if it does not stand there in the form that counts.
 */
static inline Size
skip_string(const char *data, Size offset, char typalign)
{
	Size		len;

	/* a byte of zero begins no length: it is there for alignment */
	if (data[offset] == 0)
		offset = align_offset(offset, typalign);
	if (VARATT_IS_1B(data + offset))
		return VARATT_IS_1B_E(data + offset) ? 0 : offset + VARSIZE_1B(data + offset);
	len = VARSIZE_4B(data + offset) - VARHDRSZ;
	if (!VARATT_IS_4B_U(data + offset) || len <= SHORT_VALUE || len > LONG_VALUE)
		return 0;
	return offset + VARHDRSZ + len;
}

/*
 * find_end looks whether a tuple's values, none of which is null, stand there in the
 * form that counts.  Returns where they end, or 0 if they do not.
 */
static inline Size
find_end(const CkptRowHasher *hasher, const char *data)
{
	Size		offset = hasher->after_offset;
	const Stretch *end = hasher->stretches + hasher->nstretches;

	for (const Stretch *stretch = hasher->stretches; stretch < end; stretch++)
	{
		offset = skip_string(data, offset, stretch->typalign);
		if (offset == 0)
			return 0;
		offset += stretch->rest[offset % 8];
	}
	return offset;
}

/*
 * find_end_with_nulls is that for a tuple that has a bitmap of nulls.  Sets *has_nulls
 * to whether there are some among those hashed, and notes them.
 */
static Size
find_end_with_nulls(CkptRowHasher *hasher, HeapTupleHeader header, bool *has_nulls)
{
	const char *data = (const char *) header + header->t_hoff;
	Size		offset = hasher->first_offset;
	int			natts = hasher->desc->natts;

	*has_nulls = false;
	/* a null among those that are not hashed moves the others */
	for (int i = 0; i < hasher->first; i++)
	{
		if (att_isnull(i, header->t_bits))
			return 0;
	}
	for (int i = hasher->first; i < natts; i++)
	{
		const CkptValueHasher *vh = &hasher->hashers[i];

		if (att_isnull(i, header->t_bits))
		{
			note_null(hasher, i - hasher->first, !*has_nulls);
			*has_nulls = true;
		}
		else if (vh->form == FORM_VARLENA)
		{
			offset = skip_string(data, offset, vh->typalign);
			if (offset == 0)
				return 0;
		}
		else
			offset = align_offset(offset, vh->typalign) + vh->typlen;
	}
	return offset;
}

/*
 * image_end returns where the values of a tuple end if they stand there in the form that
 * counts, and none is null; else 0.
 */
static pg_attribute_always_inline Size
image_end(const CkptRowHasher *hasher, HeapTupleHeader header)
{
	if (unlikely(!hasher->has_image || (header->t_infomask & HEAP_HASNULL) != 0 ||
				 HeapTupleHeaderGetNatts(header) < hasher->desc->natts))
		return 0;
	return find_end(hasher, (const char *) header + header->t_hoff);
}

/*
 * add_image adds a row by the image of its values in a tuple, which ends there.
 */
static pg_attribute_always_inline void
add_image(const CkptRowHasher *hasher, CkptRowSum *sum, HeapTupleHeader header, Size end)
{
	const char *data = (const char *) header + header->t_hoff;
	Size		begin = hasher->first_offset;

	add_hash(sum, XXH3_128bits(data + begin, end - begin));
}

/*
 * add_apart adds a row value by value, which are taken from the tuple unless they are
 * given.  If there are nulls between, it may yet have an image.
 */
static pg_noinline void
add_apart(CkptRowHasher *hasher, CkptRowSum *sum, HeapTuple tuple, const Datum *values,
		  const bool *isnull)
{
	if (tuple && hasher->has_image && HeapTupleHasNulls(tuple) &&
		HeapTupleHeaderGetNatts(tuple->t_data) >= hasher->desc->natts)
	{
		HeapTupleHeader header = tuple->t_data;
		Size		begin = hasher->first_offset;
		bool		has_nulls;
		Size		end = find_end_with_nulls(hasher, header, &has_nulls);

		if (end > 0)
		{
			add_hash(sum, hash_image(hasher, (char *) header + header->t_hoff + begin,
									 end - begin, has_nulls ? hasher->nulls : NULL));
			return;
		}
	}
	if (values == NULL)
	{
		heap_deform_tuple(tuple, hasher->desc, hasher->values, hasher->isnull);
		values = hasher->values;
		isnull = hasher->isnull;
	}
	ckpt_rowhash_add(hasher, sum, values, isnull);
}

/*
 * ckpt_rowhash_add_tuple adds a row to a sum, given as a tuple of the row type
 * that the hasher was made for.
 */
void
ckpt_rowhash_add_tuple(CkptRowHasher *hasher, CkptRowSum *sum, HeapTuple tuple)
{
	ckpt_rowhash_add_formed(hasher, sum, tuple, NULL, NULL);
}

/*
 * ckpt_rowhash_add_formed is that for a tuple that was made of the given values, which
 * are still there; NULL for one that was not made.
 */
void
ckpt_rowhash_add_formed(CkptRowHasher *hasher, CkptRowSum *sum, HeapTuple tuple,
						const Datum *values, const bool *isnull)
{
	Size		end = tuple ? image_end(hasher, tuple->t_data) : 0;

	if (end > 0)
		add_image(hasher, sum, tuple->t_data, end);
	else
		add_apart(hasher, sum, tuple, values, isnull);
}

static pg_noinline void
add_record_apart(CkptRowHasher *hasher, CkptRowSum *sum, HeapTupleHeader record)
{
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(record),.t_data = record};

	ItemPointerSetInvalid(&tuple.t_self);
	add_apart(hasher, sum, &tuple, NULL, NULL);
}

/*
 * ckpt_rowhash_add_record is that for a composite value that is not toasted.
 */
void
ckpt_rowhash_add_record(CkptRowHasher *hasher, CkptRowSum *sum, HeapTupleHeader record)
{
	Size		end = image_end(hasher, record);

	if (likely(end > 0))
		add_image(hasher, sum, record, end);
	else
		add_record_apart(hasher, sum, record);
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
 * ckpt_rowhash_has_names returns whether names that may change are part of a
 * value's hash: the fields of a composite value, the label of an enum, what a
 * reg* value points to, the roles of an access privilege.
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
		typid == RECORDOID || typid == ACLITEMOID ||
		OidIsValid(ckpt_valuehash_catalog(typid));
}

/*
 * ckpt_hash_text returns the hash of a string, as 32 hex digits.
 */
char *
ckpt_hash_text(const char *text)
{
	return rowhash_to_text(XXH3_128bits(text, strlen(text)));
}
