/// The safetensors container: strict reading, and writing as PEFT does.
///
///   u64 N | N bytes of JSON | data
///
/// Read: names are unique, every tensor has exactly the bytes of its shape,
/// and the tensors cover the data section without hole or overlap.
#ifndef NEAP_CORE_SAFETENSORS_H
#define NEAP_CORE_SAFETENSORS_H

#include "neap/layout.h"
#include "reader.h"

namespace neap {

enum tensor_type {
  type_bool,
  type_u8,
  type_i8,
  type_f8_e5m2,
  type_f8_e4m3,
  type_i16,
  type_u16,
  type_f16,
  type_bf16,
  type_i32,
  type_u32,
  type_f32,
  type_f64,
  type_i64,
  type_u64,
  type_count
};

int64_t tensor_type_bytes(int type);
const char *tensor_type_name(int type);

struct tensor_table {
  neap_tensor_entry *entries;
  int64_t capacity, count;
  int64_t data_offset; // of the data section in the file
};

/// What a name stands for: an id >= 0, -1 for a name to be carried along
/// unused, -2 for one that must not be there.
typedef int64_t (*tensor_names)(const void *context, const char *name);

/// Reads and checks the whole header; the file must be open at its start.
/// Entries come out in the order of their data. Failures give `code`.
status safetensors_header(reader *in, status code, tensor_names names,
                          const void *context, tensor_table *table);

/// Bit patterns of half types as float.
float half_to_float(uint16_t bits);
float bfloat_to_float(uint16_t bits);

} // namespace neap

#endif
