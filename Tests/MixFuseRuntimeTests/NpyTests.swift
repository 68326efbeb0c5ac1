// SPDX-License-Identifier: Apache-2.0
//
// The .npy format: what numpy writes can be read, what is damaged is reported, what we write is the
// format's canonical form.

import MixFuseRuntime
import Testing

@Suite(".npy files")
struct NpyTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func read(_ bytes: [UInt8]) throws -> NDArray {
    try ArrayFile.read(folder.write(bytes, as: "array.npy")).array("array")
  }

  /// A version 1 file with any header text.
  private func file(header: String, data: [UInt8] = []) -> [UInt8] {
    let length = header.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
      + Array(header.utf8) + data
  }

  private func message(_ bytes: [UInt8]) -> String? {
    let error = #expect(throws: RuntimeError.self) { try read(bytes) }
    return error?.description.replacing(folder.path + "/", with: "")
  }

  @Test("Fortran order becomes C order")
  func fortranOrder() throws {
    let array = try read(NumpyFixtures.fortranOrder)
    #expect(array == (try NDArray([0, 1, 2, 3, 4, 5] as [Double], shape: [2, 3])))
  }

  @Test("a three-dimensional Fortran array becomes C order")
  func fortranOrderInThreeDimensions() throws {
    // Element (i, j, k) of shape [2, 3, 2] is 100 i + 10 j + k.
    var data: [UInt8] = []
    for k in 0..<2 {
      for j in 0..<3 {
        for i in 0..<2 {
          data.append(UInt8(100 * i + 10 * j + k))
        }
      }
    }
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2)}"
    let array = try read(file(header: header, data: data))
    #expect(array.doubles() == [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121])
  }

  @Test("big-endian numbers are read")
  func bigEndian() throws {
    let array = try read(NumpyFixtures.bigEndian)
    #expect(array == (try NDArray([1.5, -2] as [Float], shape: [2])))
  }

  @Test("format version 3 is read")
  func versionThree() throws {
    let array = try read(NumpyFixtures.versionThree)
    #expect(array == (try NDArray([1, -2] as [Int64], shape: [1, 2])))
  }

  @Test("truth values other than 0 and 1 become true")
  func truthValues() throws {
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}"
    let array = try read(file(header: header, data: [0, 7, 1]))
    #expect(try array.elements(as: Bool.self) == [false, true, true])
  }

  @Test("every element type and rank survives writing and reading")
  func roundTrip() throws {
    for elementType in ElementType.allCases {
      for shape in [[], [1], [3], [2, 0, 3], [2, 3, 4], [1, 1, 1, 1, 5]] {
        let array = try NDArray(zeros: shape, elementType: elementType)
        try ArrayFile.write(["array": array], to: folder.file("array.npy"))
        #expect(try ArrayFile.read(folder.file("array.npy"))["array"] == array)
      }
    }
  }

  @Test("the written header is numpy's own")
  func writtenHeader() throws {
    let array = try NDArray([1, 2] as [Float], shape: [2])
    try ArrayFile.write(["array": array], to: folder.file("array.npy"))
    let bytes = try readBytes(folder.file("array.npy"))
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
    let padding = String(repeating: " ", count: 128 - 10 - text.count - 1) + "\n"
    #expect(bytes.count == 128 + 8)
    #expect(String(decoding: bytes[10..<128], as: UTF8.self) == text + padding)
  }

  @Test("damaged files are reported with what was expected and found")
  func damaged() throws {
    let good = NumpyFixtures.fortranOrder
    #expect(
      message(Array(good.dropLast(3)))
        == "array.npy: expected 48 bytes for f64 [2, 3], found 45 bytes")
    #expect(message(good + [0]) == "array.npy: expected 48 bytes for f64 [2, 3], found 49 bytes")
    #expect(
      message(Array(good.prefix(40)))
        == "array.npy: expected 118 bytes of an .npy header, found 30 bytes")
    #expect(
      message(Array(good.prefix(7)))
        == "array.npy: expected 8 bytes of an .npy header, found 7 bytes")
    #expect(
      message([]) == "array.npy: expected an .npy, .npz or .safetensors file, found an empty file")
    #expect(
      message(Array("hello".utf8))
        == "array.npy: expected an .npy, .npz or .safetensors file, found other bytes")
    #expect(
      message(NumpyFixtures.structured)
        == "array.npy: expected one element type, found a structured or missing type")
  }

  @Test("headers that no array can have are reported")
  func impossibleHeaders() {
    #expect(
      message(file(header: "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"))
        == "array.npy: expected elements of type bool, u1, i4, i8, f2, f4 or f8, found '<c8'")
    #expect(
      message(file(header: "{'descr': '<f4', 'shape': (99999999999999999999,)}"))
        == "array.npy: expected a dictionary as .npy header, found "
        + "'{'descr': '<f4', 'shape': (99999999999999999999,)}'")
    let enormous = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"
    #expect(
      message(file(header: enormous))
        == "array.npy: expected a possible shape, found [4611686018427387904, 4]")
    #expect(
      message(file(header: "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"))
        == "array.npy: expected 4000000000000 bytes for f32 [1000000000000], found 0 bytes")
    #expect(
      message(file(header: "{'descr': '<f4', 'fortran_order': 3, 'shape': (1,)}"))?
        .contains("expected a dictionary") == true)
  }

  @Test("a missing file and a folder are reported")
  func unreadable() {
    let missing = #expect(throws: RuntimeError.self) { try ArrayFile.read("/nowhere/x.npz") }
    #expect(missing?.description == "/nowhere/x.npz: cannot be read: no such file or directory")
    let directory = #expect(throws: RuntimeError.self) { try ArrayFile.read(folder.path) }
    #expect(directory?.description == "\(folder.path): cannot be read: is a directory")
  }
}
