"""Writes the fixtures of torch.test.ts with Python's own pickler and zip writer, in the layout of torch.save (torch/serialization.py).
PyTorch itself is not needed: stand-ins carry its names. Run from this folder: python3 make.py"""
import collections, io, pickle, struct, sys, types, zipfile

def module(name):
    made = sys.modules[name] = types.ModuleType(name)
    return made

torch, utils = module("torch"), module("torch._utils")

def name_of(cls, owner, name):
    cls.__module__, cls.__qualname__, cls.__name__ = owner.__name__, name, name
    setattr(owner, name, cls)
    return cls

codes = {"Float": "f", "Double": "d", "Half": "e", "Long": "q", "Int": "i", "Short": "h", "Char": "b", "Byte": "B", "Bool": "?"}
storages = {kind: name_of(type(kind, (), {}), torch, kind + "Storage") for kind in [*codes, "BFloat16"]}

def rebuild_tensor_v2(*_): pass
def rebuild_parameter(*_): pass
def system(*_): pass
for function in (rebuild_tensor_v2, rebuild_parameter):
    name_of(function, utils, "_" + function.__name__)

class Storage:
    def __init__(self, key, kind, values):
        self.key, self.kind, self.values = key, kind, values
    def bytes(self):
        if self.kind == "BFloat16":
            return b"".join(struct.pack("<f", v)[2:] for v in self.values)
        return struct.pack(f"<{len(self.values)}{codes[self.kind]}", *self.values)

class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.args = (storage, offset, shape, strides, False, collections.OrderedDict())
    def __reduce__(self):
        return utils._rebuild_tensor_v2, self.args

class Parameter:
    def __init__(self, tensor): self.tensor = tensor
    def __reduce__(self):
        return utils._rebuild_parameter, (self.tensor, True, collections.OrderedDict())

class Pickler(pickle.Pickler):
    def __init__(self, out, protocol, legacy):
        super().__init__(out, protocol)
        self.legacy = legacy
    def persistent_id(self, value):
        if not isinstance(value, Storage): return None
        known = ("storage", storages[value.kind], value.key, "cpu", len(value.values))
        return known + (None,) if self.legacy else known

def pickled(value, protocol=2, legacy=False):
    out = io.BytesIO()
    Pickler(out, protocol, legacy).dump(value)
    return out.getvalue()

def save_zip(path, value, stored, protocol=2, **records):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def put(name, content):
            archive.writestr(zipfile.ZipInfo("archive/" + name, (1980, 1, 1, 0, 0, 0)), content)
        put("data.pkl", pickled(value, protocol))
        for name, content in records.items(): put(name, content)
        for storage in stored: put("data/" + storage.key, storage.bytes())
        put("version", "3\n")

def save_legacy(path, value, stored):
    with open(path, "wb") as out:
        for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
            out.write(pickled(part))
        out.write(pickled(value, legacy=True))
        out.write(pickled([storage.key for storage in stored]))
        for storage in stored:
            out.write(struct.pack("<q", len(storage.values)) + storage.bytes())

numbers = [0.5, -1.25, 3.0, 1024.0, -0.0078125, 7.0]
shared = Storage("0", "Float", numbers)
kinds = {
    "Double": [0.1, -1e300], "Half": [1.5, -65504.0], "BFloat16": [1.5, -(2.0**100)], "Long": [-(2**62), 5],
    "Int": [-(2**31), 7], "Short": [-32768, 1], "Char": [-128, 127], "Byte": [0, 255], "Bool": [True, False],
}
others = {kind: Storage(str(i + 1), kind, values) for i, (kind, values) in enumerate(kinds.items())}

def state():
    tensors = collections.OrderedDict()
    tensors["weight"] = Parameter(Tensor(shared, 0, (2, 3), (3, 1)))
    tensors["tied"] = Tensor(shared, 0, (2, 3), (3, 1))
    tensors["transposed"] = Tensor(shared, 0, (3, 2), (1, 3))
    tensors["row"] = Tensor(shared, 3, (3,), (1,))
    tensors["expanded"] = Tensor(shared, 5, (2, 2), (0, 0))
    tensors["scalar"] = Tensor(shared, 2, (), ())
    tensors["empty"] = Tensor(shared, 0, (0, 3), (3, 1))
    for kind, storage in others.items(): tensors[kind] = Tensor(storage, 0, (2,), (1,))
    tensors._metadata = collections.OrderedDict([("", {"version": 1})])
    return tensors

every = [shared, *others.values()]
save_zip("state.pth", state(), every, byteorder="little")
save_zip("checkpoint.pth", {"model": state(), "optimizer": {"state": {0: {"step": 2.5}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0, 1]}]}, "epoch": 3, "big": 2**70}, every, protocol=4)
save_legacy("legacy.bin", state(), every)
save_zip("big-endian.pth", state(), every, byteorder="big")
system.__module__, system.__qualname__ = "posix", "system"
class Call:
    def __reduce__(self): return (__import__("posix").system, ("true",))
save_zip("calls.pth", {"weight": Call()}, [])
save_zip("nothing.pth", {"epoch": 1}, [])
save_zip("outside.pth", {"weight": Tensor(shared, 4, (2, 3), (3, 1))}, [shared])
save_zip("lost.pth", {"weight": Tensor(shared, 0, (2, 3), (3, 1))}, [])

# The weights of a reference folder as a checkpoint, for the way from .pth to a model folder.
import json, pathlib
raw = pathlib.Path("../../golden/mini_monkey_e2e/weights.safetensors").read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8 : 8 + length])
tensors, stored = collections.OrderedDict(), []
for key, entry in header.items():
    if key == "__metadata__": continue
    begin, end = entry["data_offsets"]
    values = struct.unpack(f"<{(end - begin) // 4}f", raw[8 + length + begin : 8 + length + end])
    storage = Storage(str(len(stored)), "Float", values)
    strides = [1]
    for n in entry["shape"][:0:-1]: strides.insert(0, strides[0] * n)
    tensors[key] = Tensor(storage, 0, tuple(entry["shape"]), tuple(strides))
    stored.append(storage)
save_zip("mini_monkey_e2e.bin", tensors, stored)
