"""Writes written_by_numpy.npz, which tests/npz_test.cpp reads: NumPy's own spelling of what mynah takes and refuses."""
import pathlib

import numpy

values = numpy.arange(6).reshape(2, 3) / 2
numpy.savez_compressed(
    pathlib.Path(__file__).with_name("written_by_numpy.npz"),
    single=values.astype(numpy.float32),
    fortran=numpy.asfortranarray(values),
    big_endian=values.astype(">f8"),
    half=values.astype(numpy.float16),
    integers=numpy.array([-1, 0, 1]),
    flags=numpy.array([True, False, True]),
    text=numpy.array(["angle", "größe"]),
    objects=numpy.array([{}, None], dtype=object),
)
