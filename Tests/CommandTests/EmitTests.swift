// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse build --emit`: what is asked for is written, all or nothing, and what is written works in
// the hands of the tools that it is for. Examples/c, which uses most of it, is tested apart.

import Foundation
import Testing

@Suite("Files of a build")
struct EmitTests {
  /// Builds the small sinusoid library with these flags and gives the names in the folder.
  private func build(_ place: Workplace, _ files: String, spec: [String] = Workplace.smallSinusoid)
    throws -> [String]
  {
    let process = try place.start(
      ["build"] + spec + ["--emit", files, "-o", place.file("library")])
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(place.text("errors"))")
    return place.names(in: "library")
  }

  @Test("each kind of file has its name, and the list of what was written says so")
  func names() throws {
    let place = try Workplace()
    let kinds = "so,a,asm,header,c,manifest,swift,python,pc,cmake"
    let found = try build(place, kinds)
    #expect(
      Set(found) == [
        "maml_sinusoid.so", "libmaml_sinusoid.a", "maml_sinusoid.s", "maml_sinusoid.h",
        "maml_sinusoid.c", "maml_sinusoid.json", "maml_sinusoid.swift", "maml_sinusoid",
        "maml_sinusoid.pc", "maml_sinusoidConfig.cmake",
      ])
    let listed = place.text("output").split(separator: "\n").filter { $0.hasPrefix("/") }
    #expect(listed.count == 10)
    for path in listed { #expect(FileManager.default.fileExists(atPath: String(path))) }
    // Again, from the cache: the same bytes.
    let before = try ["libmaml_sinusoid.a", "maml_sinusoid.s"].map {
      try place.bytes("library/\($0)")
    }
    _ = try build(place, kinds)
    #expect(place.text("output").contains("(from the cache)"))
    let after = try ["libmaml_sinusoid.a", "maml_sinusoid.s"].map {
      try place.bytes("library/\($0)")
    }
    #expect(before == after)
  }

  @Test("only what is asked for is written; without --emit what always was")
  func choice() throws {
    let place = try Workplace()
    #expect(try build(place, "header,a,header") == ["libmaml_sinusoid.a", "maml_sinusoid.h"])
    let usual = try Workplace()
    _ = try usual.buildSinusoid()
    #expect(
      Set(usual.names(in: "library"))
        == Set(["so", "h", "c", "json", "swift"].map { "maml_sinusoid.\($0)" }))
  }

  @Test("a wrong choice is one clear error, and nothing is written")
  func mistakes() throws {
    let mistakes = [
      ("so,headr", "--emit: 'headr' is no kind of file; did you mean header?; there are so, a,"),
      ("", "--emit: '' is no kind of file"),
      ("cmake", "--emit cmake describes files that are not written: add a (or so) and header"),
      ("pc,so", "--emit pc describes files that are not written: add header"),
    ]
    for (files, message) in mistakes {
      let place = try Workplace()
      let result = try place.run(
        "build", Workplace.example("maml_sinusoid.mix"), "--emit", files, "-o",
        place.file("library"))
      #expect(result.exitCode == 1)
      #expect(result.errors.contains(message), "\(result.errors)")
      #expect(place.names(in: "library").isEmpty)
    }
  }

  @Test("two static libraries go into one program; so does the assembly")
  func staticLibraries() throws {
    let place = try Workplace()
    _ = try build(place, "a,asm,header")
    _ = try build(
      place, "a,header",
      spec: [Workplace.example("mnist1d_lr.mix"), "--set", "steps=2", "--set", "hidden=8"])
    let client = """
      #include "maml_sinusoid.h"
      #include "mnist1d_lr.h"
      #include <string.h>
      int main(void) {
        if (maml_sinusoid_abi_digest() != maml_sinusoid_ABI_DIGEST) return 2;
        if (mnist1d_lr_abi_digest() != mnist1d_lr_ABI_DIGEST) return 3;
        if (strstr(maml_sinusoid_manifest(), "maml_sinusoid") == 0) return 4;
        return maml_sinusoid_hvp(0, 0, 0, 0) == 1 && mnist1d_lr_hvp(0, 0, 0, 0) == 1 ? 0 : 5;
      }
      """
    _ = try place.write(client, as: "client.c")
    for first in ["-lmaml_sinusoid", "library/maml_sinusoid.s"] {
      let result = try place.run(
        [],
        by: "gcc -Wall -Werror -Ilibrary client.c -Llibrary \(first) -lmnist1d_lr -o client "
          + "&& ./client")
      #expect(result.exitCode == 0, "\(first): \(result.errors)")
    }
  }

  private static let python = "\(Workplace.root)/.build/python/bin/python"

  @Test(
    "the Python binding calls the library by the spec's names, and refuses another build",
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: python),
      "make python-environment installs what it needs"))
  func pythonBinding() throws {
    let place = try Workplace()
    _ = try build(place, "so,manifest,python")
    let client = """
      import sys
      sys.path.insert(0, "library")
      import numpy, mixfuse, maml_sinusoid
      library = maml_sinusoid.load(threads=2)
      shapes = {"w1": (1, 4), "b1": 4, "w2": (4, 4), "b2": 4, "w3": (4, 1), "b3": 1}
      eta = {name: numpy.ones(shape, numpy.float32) for name, shape in shapes.items()}
      data = {f"{a}_{b}": numpy.ones((3, 5, 1), numpy.float32) for a in "xy" for b in ("support", "query")}
      results = library.meta_gradient(eta=eta, **data)
      same = library.library.meta_gradient(eta=eta, **data)
      assert results["grad"]["w2"].tobytes() == same["grad"]["w2"].tobytes()
      assert results["grad"]["w2"].any()
      try:
          maml_sinusoid.load(sys.argv[1])
      except mixfuse.LibraryError as error:
          print(error)
      else:
          raise SystemExit("another build was accepted")
      """
    _ = try place.write(client, as: "client.py")
    let other = try place.start(
      ["build"] + Workplace.smallSinusoid + ["--set", "tasks=2", "--emit", "so"]
        + ["-o", place.file("other")])
    other.waitUntilExit()
    let result = try place.run(
      [], by: "'\(Self.python)' client.py other/maml_sinusoid.so")
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.contains("expected the library maml_sinusoid that was generated with"))
  }
}
