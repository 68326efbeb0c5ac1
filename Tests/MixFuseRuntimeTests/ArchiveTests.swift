// SPDX-License-Identifier: Apache-2.0
//
// The .npz and .safetensors formats, both ways, and what is said about damaged files.

import MixFuseRuntime
import MixFuseShared
import Testing

@Suite("archives of arrays")
struct ArchiveTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// What the fixtures hold.
  private func contents() throws -> NamedArrays {
    [
      "eta.w1": try NDArray([0, 1, 2, 3, 4, 5] as [Float], shape: [2, 3]),
      "label": try NDArray([3, 1] as [Int32], shape: [2]),
      "mask": try NDArray([true, false], shape: [2]),
      "pixels": try NDArray([0, 255] as [UInt8], shape: [2]),
      "loss": try NDArray(scalar: 2.5),
    ]
  }

  private func message(_ bytes: [UInt8], as name: String) -> String? {
    let error = #expect(throws: RuntimeError.self) {
      try ArrayFile.read(folder.write(bytes, as: name))
    }
    return error?.description.replacing(folder.path + "/", with: "")
  }

  @Test("archives of numpy are read, stored and deflated")
  func numpyArchives() throws {
    for bytes in [NumpyFixtures.storedArchive, NumpyFixtures.deflatedArchive] {
      let arrays = try ArrayFile.read(folder.write(bytes, as: "numpy.npz"))
      #expect(arrays.names == ["eta.w1", "label", "mask", "half", "pixels", "loss"])
      for (name, array) in try contents() {
        #expect(arrays[name] == array)
      }
      let half = try arrays.array("half")
      #expect(half.elementType == .float16)
      #expect(half.doubles() == [0.5, -1.25, 0x1p-24, .infinity])
      #expect(try half.converted(to: .float32).doubles() == [0.5, -1.25, 0x1p-24, .infinity])
    }
  }

  @Test("only the arrays that were asked for are read")
  func selection() throws {
    let path = try folder.write(NumpyFixtures.deflatedArchive, as: "numpy.npz")
    #expect(try ArrayFile.read(path, names: ["loss", "absent"]).names == ["loss"])
  }

  @Test(
    "arrays survive writing and reading",
    arguments: [("a.npz", Compression.stored), ("a.npz", .deflated), ("a.safetensors", .stored)])
  func roundTrip(name: String, compression: Compression) throws {
    var arrays = try contents()
    arrays["empty"] = try NDArray(zeros: [0, 3], elementType: .float32)
    // Longer than zlib's buffers, and not all zeros.
    var long = try NDArray(zeros: [300, 1000], elementType: .float64)
    var generator = SplitMix64(seed: 3)
    try long.withUnsafeMutableElements(of: Double.self) { elements in
      for index in elements.indices where index % 3 == 0 {
        elements[index] = Double.random(in: -1...1, using: &generator)
      }
    }
    arrays["long"] = long
    try ArrayFile.write(arrays, to: folder.file(name), compression: compression)
    let result = try ArrayFile.read(folder.file(name))
    #expect(Set(result.names) == Set(arrays.names))
    for (name, array) in arrays {
      #expect(result[name] == array, "\(name)")
    }
    #expect(try folder.names() == [name])
  }

  @Test("equal arrays make equal files")
  func deterministicBytes() throws {
    for name in ["a.npz", "a.safetensors"] {
      try ArrayFile.write(contents(), to: folder.file(name))
      let first = try readBytes(folder.file(name))
      try ArrayFile.write(contents(), to: folder.file(name))
      #expect(try readBytes(folder.file(name)) == first)
    }
  }

  @Test("an archive that was cut off is reported, wherever it was cut")
  func truncated() throws {
    let good = NumpyFixtures.storedArchive
    let cut = try #require(message(Array(good.dropLast(30)), as: "cut.npz"))
    #expect(
      cut.hasPrefix("cut.npz: expected a zip archive with its directory at the end, found no"))
    for count in stride(from: 0, to: good.count, by: 97) {
      #expect(message(Array(good.prefix(count)), as: "cut.npz")?.hasPrefix("cut.npz: ") == true)
    }
  }

  @Test("a changed byte in the data of a member is noticed, with the member's name")
  func checksum() throws {
    var bytes = NumpyFixtures.storedArchive
    // The data of the first member, eta.w1, ends where the second local header begins.
    let second = (4..<bytes.count).first { bytes[$0...].starts(with: [80, 75, 3, 4]) }
    bytes[try #require(second) - 1] ^= 1
    let text = try #require(message(bytes, as: "bad.npz"))
    #expect(text.hasPrefix("bad.npz: eta.w1.npy: expected checksum "))
  }

  @Test("an unsupported compression method is reported")
  func compressionMethod() throws {
    var bytes = NumpyFixtures.storedArchive
    let entry = try #require((0..<bytes.count).first { bytes[$0...].starts(with: [80, 75, 1, 2]) })
    bytes[entry + 10] = 12
    #expect(
      message(bytes, as: "bad.npz")
        == "bad.npz: eta.w1.npy: expected a stored or deflated member, found compression method 12")
  }

  @Test("a claim of an enormous member takes no memory")
  func enormousClaim() throws {
    var bytes = NumpyFixtures.deflatedArchive
    let entry = try #require((0..<bytes.count).first { bytes[$0...].starts(with: [80, 75, 1, 2]) })
    bytes.replaceSubrange((entry + 24)..<(entry + 28), with: [0xfe, 0xff, 0xff, 0xff])
    let text = try #require(message(bytes, as: "bad.npz"))
    #expect(text.hasPrefix("bad.npz: eta.w1.npy: expected at most "))
  }

  @Test("damaged .safetensors files are reported")
  func damagedSafetensors() throws {
    func file(_ header: String, data: Int) -> [UInt8] {
      [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8)
        + [UInt8](repeating: 0, count: data)
    }
    let good = #"{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    let path = try folder.write(file(good, data: 8), as: "good.safetensors")
    #expect(try ArrayFile.read(path).array("w") == NDArray([0, 0] as [Float], shape: [2]))
    #expect(
      message(file(good, data: 7), as: "a.safetensors")
        == "a.safetensors: w: expected 95 bytes, found a file of 94 bytes")
    let tooLong = #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}"#
    #expect(
      message(file(tooLong, data: 12), as: "a.s")
        == "a.s: w: expected 8 bytes from 0 for f32 [2], found offsets [0, 12]")
    #expect(
      message(file(#"{"w":{"dtype":"F8","shape":[2],"data_offsets":[0,2]}}"#, data: 2), as: "a.s")
        == "a.s: w: expected a type of BOOL, F16, F32, F64, I32, I64, U8, found F8")
    #expect(
      message(file(#"{"w":{"dtype":"F32","shape":[2]}}"#, data: 8), as: "a.s")
        == "a.s: expected a .safetensors header in JSON, found no data_offsets at w")
    #expect(
      message([9, 0, 0, 0, 0, 0, 0, 1, 0x7b], as: "a.s")
        == "a.s: expected a .safetensors header of at most 1 bytes, found 72057594037927945 bytes")
  }

  @Test("a name with another extension cannot be written")
  func unknownExtension() throws {
    let error = #expect(throws: RuntimeError.self) {
      try ArrayFile.write([:], to: folder.file("a.csv"))
    }
    #expect(error?.id == "fileUnwritable")
    #expect(try folder.names() == [])
  }

  @Test("damaged bytes give an array or an error, never a crash")
  func fuzz() throws {
    var generator = SplitMix64(seed: 20_260_723)
    try ArrayFile.write(contents(), to: folder.file("seed.safetensors"))
    let seeds = [
      NumpyFixtures.storedArchive, NumpyFixtures.deflatedArchive, NumpyFixtures.fortranOrder,
      try readBytes(folder.file("seed.safetensors")),
    ]
    for round in 0..<4000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[position] = [0, 1, 0x7f, 0x80, 0xff][position % 5]
        case 2: bytes[position] ^= 1 << (position % 8)
        default: bytes.removeSubrange(position..<min(bytes.count, position + 3))
        }
      }
      let path = try folder.write(bytes, as: "fuzz.npz")
      do {
        _ = try ArrayFile.read(path)
      } catch {
        #expect(error.description.contains("fuzz.npz: "))
      }
    }
  }
}
