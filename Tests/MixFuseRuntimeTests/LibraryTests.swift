// SPDX-License-Identifier: Apache-2.0
//
// Loading libraries: what a good one offers, and every way in which a bad one is refused before a
// call.

import Foundation
import MixFuseRuntime
import Testing

@Suite("loading libraries")
struct LibraryTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// The message for a library that is refused, without the folder's path.
  private func refusal(_ path: String) -> String? {
    let error = #expect(throws: RuntimeError.self) { try Library(path: path) }
    return error?.description.replacing(folder.path + "/", with: "")
  }

  @Test("a library describes itself")
  func manifest() throws {
    let library = try Library(path: SampleLibrary().build(in: folder))
    #expect(library.manifest.name == "sample")
    #expect(library.manifest.seed == 7)
    #expect(library.manifest.elementType == .float32)
    #expect(library.manifest.dims == ["rows": 2])
    let entryPoint = try library.entryPoint("meta_gradient")
    #expect(entryPoint.inputs.map(\.name) == ["eta.x", "scale", "index"])
    #expect(entryPoint.inputs[0].typeDescription == "f32 [2, 3]")
    #expect(entryPoint.inputs[0].initializer == .normal(mean: 0, deviation: 0.1))
    #expect(entryPoint.arenaBytes(workers: 3) == 64 + 3 * 64)
    let misspelt = #expect(throws: RuntimeError.self) { try library.entryPoint("meta_gradent") }
    #expect(
      misspelt?.description
        == "\(library.path): no entry point meta_gradent; did you mean meta_gradient?")
  }

  @Test("a manifest survives encoding and decoding")
  func manifestRoundTrip() throws {
    let manifest = try Manifest(text: SampleLibrary.manifestText(), path: "sample.so")
    let text = String(decoding: try JSONEncoder().encode(manifest), as: UTF8.self)
    #expect(try Manifest(text: text, path: "sample.so") == manifest)
  }

  @Test("the same library can be loaded twice")
  func loadTwice() throws {
    let path = try SampleLibrary().build(in: folder)
    let first = try Library(path: path)
    do {
      let second = try Library(path: path)
      #expect(second.manifest == first.manifest)
    }
    let session = try Session(first, entryPoint: "sum64")
    let outputs = try session.run(["x": try NDArray([1, 2, 3, 4.5], shape: [4])])
    #expect(outputs["sum"]?.scalarValue == 10.5)
  }

  @Test("a sidecar manifest must match")
  func sidecar() throws {
    let path = try SampleLibrary().build(in: folder)
    _ = try folder.write(Array((SampleLibrary.manifestText() + "\n").utf8), as: "sample.json")
    _ = try Library(path: path)
    _ = try folder.write(
      Array(SampleLibrary.manifestText(arenaBytes: 128).utf8), as: "sample.json")
    #expect(
      refusal(path) == "sample.so: manifest does not match sample.json; build the library again")
  }

  @Test("another version of the calling convention is refused")
  func otherABI() throws {
    let sample = SampleLibrary(manifest: #"{"mixfuse_abi": 2, "everything": "else"}"#)
    #expect(
      try refusal(sample.build(in: folder))
        == "sample.so: this runtime calls libraries of ABI 1, found ABI 2; build the library again")
  }

  #if arch(x86_64)
    @Test("a library for another processor is refused before any call")
    func otherProcessor() throws {
      let manifest = SampleLibrary.manifestText(features: ["sse2", "-avx", "nosuchfeature"])
      #expect(
        try refusal(SampleLibrary(manifest: manifest).build(in: folder))
          == "sample.so: built for testcpu, but this machine does not support nosuchfeature; "
          + "build it again for this machine")
      let known = SampleLibrary.manifestText(features: ["sse2", "+sse", "64bit"])
      _ = try Library(path: SampleLibrary(manifest: known, name: "known").build(in: folder))
    }
  #endif

  @Test("a library for another architecture is refused")
  func otherArchitecture() throws {
    let manifest = SampleLibrary.manifestText(triple: "riscv64-unknown-linux-gnu")
    let text = try refusal(SampleLibrary(manifest: manifest).build(in: folder))
    #expect(
      text?.hasPrefix("sample.so: cannot be loaded: it was built for riscv64, this machine is ")
        == true)
  }

  #if os(Linux)
    @Test("an object for another machine, a cut-off one, and other files are refused")
    func damagedObjects() throws {
      let path = try SampleLibrary().build(in: folder)
      let bytes = try readBytes(path)
      var other = bytes
      other[18] = 8  // MIPS
      #expect(
        refusal(try folder.write(other, as: "mips.so"))?
          .hasPrefix("mips.so: cannot be loaded: it was built for another architecture") == true)
      for count in [100, 1000, bytes.count / 4] {
        #expect(
          refusal(try folder.write(Array(bytes.prefix(count)), as: "cut.so"))
            == "cut.so: cannot be loaded: it is damaged or cut off at \(count) bytes")
      }
      let text = try folder.write(Array("no library".utf8), as: "text.so")
      #expect(refusal(text) == "text.so: cannot be loaded: it is not a shared library")
      #expect(
        refusal(folder.file("absent.so"))
          == "absent.so: cannot be read: no such file or directory")
    }
  #endif

  @Test("a library of someone else is refused")
  func notOurs() throws {
    let sample = SampleLibrary(exportsManifest: false)
    #expect(
      try refusal(sample.build(in: folder)) == "sample.so: cannot be loaded: "
        + "it is not a MixFuse library: it has no symbol mixfuse_manifest")
  }

  @Test("a manifest that is damaged or impossible is refused")
  func damagedManifests() throws {
    let good = SampleLibrary.manifestText()
    let cases: [(String, String)] = [
      ("not json", "text that is not JSON"),
      (#"{"mixfuse_abi": 1}"#, "no abi_digest"),
      (good.replacing("[2, 3]", with: "[-2, 3]"), "meta_gradient: eta.x has the impossible shape"),
      (
        good.replacing("\"scale\"", with: "\"eta.x\""),
        "meta_gradient: two arrays are called eta.x"
      ),
      (good.replacing("\"fails\"", with: "\"sum64\""), "two entry points are called sum64"),
      (good.replacing("\"f64\"", with: "\"f80\""), "an unexpected value at entry_points"),
      (good.replacing("\"normal\"", with: "\"nrmal\""), "an unexpected value at entry_points"),
      (good.replacing("[0, 0.1]", with: "[0.1]"), "an unexpected value at entry_points"),
      (SampleLibrary.manifestText(arenaBytes: -1), "meta_gradient: an arena of negative size"),
      (
        SampleLibrary.manifestText(symbol: "absent"),
        "meta_gradient: the library has no symbol absent"
      ),
    ]
    for (index, (manifest, reason)) in cases.enumerated() {
      let sample = SampleLibrary(manifest: manifest, name: "bad\(index)")
      let text = try #require(try refusal(sample.build(in: folder)))
      #expect(text.hasPrefix("bad\(index).so: manifest cannot be used: \(reason)"), "\(text)")
    }
  }
}
