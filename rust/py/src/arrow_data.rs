//! Arrow data in and out, through the PyCapsule interface.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::types::{Int8Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int8Array, ListArray, RecordBatch, StringArray, StringArrayType, StructArray,
    make_array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields, Schema};
use belle_core::batch::{Batch, Role, RowScratch, Rows, Turns};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const ARRAY: &std::ffi::CStr = c"arrow_array";
const SCHEMA: &std::ffi::CStr = c"arrow_schema";
const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// A record batch that any Arrow library takes over without a copy.
#[pyclass(frozen, module = "belle_data._native")]
pub struct ArrowBatch(pub RecordBatch);

#[pymethods]
impl ArrowBatch {
    /// The batch as two capsules of the Arrow C data interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        drop(requested_schema);
        capsules(py, &StructArray::from(self.0.clone()).into_data())
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }
}

/// An array that any Arrow library takes over without a copy.
#[pyclass(frozen, module = "belle_data._native")]
struct ArrowArray(ArrayRef);

#[pymethods]
impl ArrowArray {
    /// The array as two capsules of the Arrow C data interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        drop(requested_schema);
        capsules(py, &self.0.to_data())
    }
}

fn capsules<'py>(py: Python<'py>, data: &ArrayData) -> PyResult<Bound<'py, PyTuple>> {
    let (array, schema) = to_ffi(data).map_err(arrow_error)?;
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema, array])
}

/// An array of pyarrow, which takes the buffers over without a copy.
pub fn pyarrow_array(py: Python<'_>, array: ArrayRef) -> PyResult<Bound<'_, PyAny>> {
    py.import("pyarrow")?.call_method1("array", (ArrowArray(array),))
}

pub fn arrow_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("Arrow data that cannot be read: {error}"))
}

/// Any object with the Arrow PyCapsule interface as arrays: one, or the chunks of a stream.
pub fn import(data: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    if data.hasattr("__arrow_c_array__")? {
        let capsules = data.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let schema = capsules.get_item(0)?.cast_into::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
        let array = capsules.get_item(1)?.cast_into::<PyCapsule>()?.pointer_checked(Some(ARRAY))?;
        // SAFETY: the capsules' names say what they hold; the array is moved out and marked as released, the schema
        // is only read while its capsule lives.
        let data = unsafe {
            let array = FFI_ArrowArray::from_raw(array.as_ptr().cast());
            from_ffi(array, &*schema.as_ptr().cast::<FFI_ArrowSchema>())
        };
        return Ok(vec![make_array(data.map_err(arrow_error)?)]);
    }
    if data.hasattr("__arrow_c_stream__")? {
        let capsule = data.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
        let stream = capsule.pointer_checked(Some(STREAM))?;
        // SAFETY: the capsule's name says what it holds; the stream is moved out and marked as released.
        let reader = unsafe { ArrayStreamReader::from_raw(stream.as_ptr().cast::<FFI_ArrowArrayStream>()) };
        return reader.map_err(arrow_error)?.map(|array| array.map_err(arrow_error)).collect();
    }
    let name = data.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "{name} is no Arrow data: it has neither __arrow_c_array__ nor __arrow_c_stream__"
    )))
}

/// Texts of arrays; `lack` says why none may be null.
pub fn texts_of<'a>(arrays: &'a [ArrayRef], lack: &str) -> PyResult<Vec<&'a str>> {
    let mut texts = Vec::with_capacity(arrays.iter().map(arrow_array::Array::len).sum());
    for array in arrays {
        if array.null_count() > 0
            && let Some(row) = (0..array.len()).find(|&row| array.is_null(row))
        {
            let row = texts.len() + row;
            return Err(PyValueError::new_err(format!("text {row} is null: {lack}")));
        }
        match array.data_type() {
            DataType::Utf8 => texts.extend(all(array.as_string::<i32>())),
            DataType::LargeUtf8 => texts.extend(all(array.as_string::<i64>())),
            DataType::Utf8View => texts.extend(all(array.as_string_view())),
            other => return Err(PyTypeError::new_err(format!("texts must be strings, not {other}"))),
        }
    }
    Ok(texts)
}

/// The texts of an array without nulls.
fn all<'a>(array: impl StringArrayType<'a>) -> impl Iterator<Item = &'a str> {
    (0..array.len()).map(move |row| array.value(row))
}

/// The turns of some rows, in buffers that Arrow may share with other libraries.
pub struct ArrowTurns {
    turn_offsets: ScalarBuffer<i32>,
    roles: ScalarBuffer<i8>,
    text_offsets: ScalarBuffer<i32>,
    text_values: Buffer,
    /// The column `row`, if there is one.
    pub numbers: Option<ScalarBuffer<u32>>,
}

impl ArrowTurns {
    pub fn view(&self) -> Turns<'_> {
        Turns {
            turn_offsets: &self.turn_offsets,
            roles: &self.roles,
            text_offsets: &self.text_offsets,
            text_values: &self.text_values,
        }
    }

    /// From texts (each a row of one turn), from a list of turns, or from a struct with a column `turns`.
    pub fn of(array: &ArrayRef) -> PyResult<Self> {
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let texts = plain_strings(array)?;
                let rows = texts.len();
                Ok(Self {
                    turn_offsets: (0..=rows as i32).collect::<Vec<_>>().into(),
                    roles: vec![Role::Text as i8; rows].into(),
                    text_offsets: texts.offsets().inner().clone(),
                    text_values: texts.values().clone(),
                    numbers: None,
                })
            }
            DataType::List(_) => Self::of_lists(array.as_list::<i32>()),
            DataType::Struct(_) => {
                let columns = array.as_struct();
                let turns = columns.column_by_name("turns").ok_or_else(|| {
                    PyValueError::new_err(format!("no column `turns`; there are {:?}", columns.column_names()))
                })?;
                let mut turns = Self::of(turns)?;
                turns.numbers = columns
                    .column_by_name("row")
                    .and_then(|rows| rows.as_primitive_opt::<UInt32Type>())
                    .map(|rows| rows.values().clone());
                Ok(turns)
            }
            other => Err(PyTypeError::new_err(format!("neither texts nor turns: {other}"))),
        }
    }

    fn of_lists(lists: &ListArray) -> PyResult<Self> {
        let turns = lists
            .values()
            .as_struct_opt()
            .ok_or_else(|| PyTypeError::new_err("`turns` must be a list of structs of role and text"))?;
        let column = |name: &str| {
            turns.column_by_name(name).ok_or_else(|| PyValueError::new_err(format!("no `{name}` in `turns`")))
        };
        let texts = plain_strings(column("text")?)?;
        Ok(Self {
            turn_offsets: lists.offsets().inner().clone(),
            roles: role_codes(column("role")?)?,
            text_offsets: texts.offsets().inner().clone(),
            text_values: texts.values().clone(),
            numbers: None,
        })
    }
}

/// Strings of any Arrow layout in the plain one; null is the empty text.
fn plain_strings(array: &ArrayRef) -> PyResult<StringArray> {
    match array.data_type() {
        DataType::Utf8 if array.null_count() == 0 => Ok(array.as_string::<i32>().clone()),
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().map(|text| Some(text.unwrap_or_default())).collect()),
        DataType::LargeUtf8 => gather(array.as_string::<i64>().iter()),
        DataType::Utf8View => gather(array.as_string_view().iter()),
        other => Err(PyTypeError::new_err(format!("text must be a string, not {other}"))),
    }
}

fn gather<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> PyResult<StringArray> {
    let bytes: usize = texts.clone().map(|text| text.map_or(0, str::len)).sum();
    if bytes > i32::MAX as usize {
        return Err(PyValueError::new_err("more than 2 GiB of text in one chunk: pass several chunks"));
    }
    Ok(texts.map(|text| Some(text.unwrap_or_default())).collect())
}

fn role_codes(roles: &ArrayRef) -> PyResult<ScalarBuffer<i8>> {
    let code = |name: Option<&str>| {
        Role::NAMES.iter().position(|&known| Some(known) == name).map(|code| code as i8).ok_or_else(|| {
            PyValueError::new_err(format!("unknown role {:?}: one of {:?}", name.unwrap_or("null"), Role::NAMES))
        })
    };
    if let Some(roles) = roles.as_dictionary_opt::<Int8Type>() {
        let names = plain_strings(roles.values())?;
        if names.iter().eq(Role::NAMES.iter().map(|&name| Some(name))) && roles.keys().null_count() == 0 {
            return Ok(roles.keys().values().clone());
        }
        let codes = names.iter().map(code).collect::<PyResult<Vec<i8>>>()?;
        let known = |key: Option<i8>| key.map_or_else(|| code(None), |key| Ok(codes[key as usize]));
        return Ok(roles.keys().iter().map(known).collect::<PyResult<Vec<i8>>>()?.into());
    }
    let names = plain_strings(roles)?;
    Ok(names.iter().map(code).collect::<PyResult<Vec<i8>>>()?.into())
}

/// The turns of a batch as an Arrow array, without a copy.
pub fn turns_array(batch: &mut Batch) -> PyResult<ArrayRef> {
    let rows = batch.len();
    let turns = batch.roles.len();
    let names = Arc::new(StringArray::from(Role::NAMES.to_vec()));
    let roles = DictionaryArray::<Int8Type>::try_new(Int8Array::from(std::mem::take(&mut batch.roles)), names)
        .map_err(arrow_error)?;
    let texts = strings(std::mem::take(&mut batch.text_offsets), std::mem::take(&mut batch.text_values), turns);
    let fields = Fields::from(vec![
        Field::new("role", roles.data_type().clone(), false),
        Field::new("text", DataType::Utf8, false),
    ]);
    let structs = StructArray::try_new(fields.clone(), vec![Arc::new(roles), texts], None).map_err(arrow_error)?;
    let offsets = OffsetBuffer::new(std::mem::take(&mut batch.turn_offsets).into());
    let item = Arc::new(Field::new("item", DataType::Struct(fields), false));
    debug_assert_eq!(offsets.len(), rows + 1);
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(structs), None).map_err(arrow_error)?))
}

/// Strings from offsets and UTF-8 that the reader has checked.
pub fn strings(offsets: Vec<i32>, values: Vec<u8>, len: usize) -> ArrayRef {
    let data = ArrayData::builder(DataType::Utf8)
        .len(len)
        .add_buffer(Buffer::from_vec(offsets))
        .add_buffer(Buffer::from_vec(values));
    // SAFETY: the reader rejects lines that are not UTF-8 and resolves escapes to whole characters; its offsets ascend
    // and end where the values end.
    make_array(unsafe { data.build_unchecked() })
}

/// A record batch of named columns.
pub fn record_batch(columns: Vec<(&str, ArrayRef)>) -> PyResult<ArrowBatch> {
    record_batch_with_nulls(columns, &[])
}

/// The same where these columns may have nulls in other batches: all batches of a file have one schema.
pub fn record_batch_with_nulls(columns: Vec<(&str, ArrayRef)>, nullable: &[&str]) -> PyResult<ArrowBatch> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| {
            Field::new(*name, column.data_type().clone(), column.is_nullable() || nullable.contains(name))
        })
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(ArrowBatch(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(arrow_error)?))
}

/// Rows of Arrow data that can be read in any order: texts, or turns.
#[pyclass(frozen, module = "belle_data._native")]
pub struct ArrowRows {
    pub chunks: Vec<ArrowTurns>,
    /// First row of each chunk, and the number of rows.
    pub first_rows: Vec<u32>,
    content_hashes: Vec<u64>,
}

#[pymethods]
impl ArrowRows {
    /// From an array, a chunked array, a series or a table: strings, lists of turns, or a column `turns` of these.
    #[new]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let chunks = import(data)?.iter().map(ArrowTurns::of).collect::<PyResult<Vec<_>>>()?;
        let mut first_rows = vec![0u32];
        let mut content_hashes = Vec::new();
        for chunk in &chunks {
            let view = chunk.view();
            content_hashes.extend(view.content_hashes());
            let rows = u32::try_from(content_hashes.len()).ok().filter(|&rows| rows < u32::MAX);
            first_rows.push(rows.ok_or_else(|| PyValueError::new_err("more than 4,294,967,294 rows"))?);
        }
        Ok(Self { chunks, first_rows, content_hashes })
    }

    fn __len__(&self) -> usize {
        self.content_hashes.len()
    }
}

impl Rows for ArrowRows {
    fn len(&self) -> usize {
        self.content_hashes.len()
    }

    fn read<'a>(&'a self, row: u32, _scratch: &'a mut RowScratch) -> (Turns<'a>, usize) {
        let chunk = self.first_rows.partition_point(|&first| first <= row) - 1;
        (self.chunks[chunk].view(), (row - self.first_rows[chunk]) as usize)
    }

    fn keep_order(&self, left: u32, right: u32) -> Ordering {
        self.content_hashes[left as usize].cmp(&self.content_hashes[right as usize]).then_with(|| {
            let turns = |row: u32| {
                let chunk = self.first_rows.partition_point(|&first| first <= row) - 1;
                self.chunks[chunk].view().of((row - self.first_rows[chunk]) as usize)
            };
            turns(left).cmp(turns(right)).then(left.cmp(&right))
        })
    }
}
