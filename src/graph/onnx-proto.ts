/** The part of ONNX's protobuf schema that Galago writes; message names and field numbers from onnx/onnx.proto, IR version 10. */
import protobuf from "protobufjs";

type Fields = Record<string, { type: string; id: number; rule?: "repeated" }>;

const one = (type: string, id: number): Fields[string] => ({ type, id });
const many = (type: string, id: number): Fields[string] => ({ type, id, rule: "repeated" });

const messages: Record<string, Fields> = {
  ModelProto: {
    ir_version: one("int64", 1),
    producer_name: one("string", 2),
    graph: one("GraphProto", 7),
    opset_import: many("OperatorSetIdProto", 8),
  },
  OperatorSetIdProto: { domain: one("string", 1), version: one("int64", 2) },
  GraphProto: {
    node: many("NodeProto", 1),
    name: one("string", 2),
    initializer: many("TensorProto", 5),
    input: many("ValueInfoProto", 11),
    output: many("ValueInfoProto", 12),
  },
  NodeProto: {
    input: many("string", 1),
    output: many("string", 2),
    name: one("string", 3),
    op_type: one("string", 4),
    attribute: many("AttributeProto", 5),
    domain: one("string", 7),
  },
  AttributeProto: {
    name: one("string", 1),
    f: one("float", 2),
    i: one("int64", 3),
    s: one("bytes", 4),
    ints: many("int64", 8),
    type: one("int32", 20),
  },
  TensorProto: {
    dims: many("int64", 1),
    data_type: one("int32", 2),
    name: one("string", 8),
    raw_data: one("bytes", 9),
    external_data: many("StringStringEntryProto", 13),
    data_location: one("int32", 14),
  },
  StringStringEntryProto: { key: one("string", 1), value: one("string", 2) },
  ValueInfoProto: { name: one("string", 1), type: one("TypeProto", 2) },
  TypeProto: { tensor_type: one("TensorTypeProto", 1) },
  TensorTypeProto: { elem_type: one("int32", 1), shape: one("TensorShapeProto", 2) },
  TensorShapeProto: { dim: many("DimensionProto", 1) },
  DimensionProto: { dim_value: one("int64", 1), dim_param: one("string", 2) },
};

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(Object.entries(messages).map(([name, fields]) => [name, { fields }])),
});
const ModelProto = root.lookupType("ModelProto");

/** The bytes of a ModelProto given with the schema's field names. */
export const encodeModel = (model: object): Uint8Array => ModelProto.encode(ModelProto.fromObject(model)).finish();

/** ONNX's numbers for types (onnx.proto, TensorProto.DataType) and for attributes (AttributeProto.AttributeType). */
export const dataTypes = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10, bf16: 16 } as const;
export const attributeTypes = { f: 1, i: 2, s: 3, ints: 7 } as const;
