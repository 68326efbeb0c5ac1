// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse build` and the command line itself.

import Foundation
import Testing

@Suite("mixfuse build")
struct BuildCommandTests {
  private let files = ["c", "h", "json", "so", "swift"].map { "maml_sinusoid.\($0)" }

  @Test("build writes five files, and says when they came from the cache")
  func buildWritesFiles() throws {
    let place = try Workplace()
    _ = try place.buildSinusoid()
    let first = place.text("output")
    #expect(first.contains("library/maml_sinusoid.so\n"))
    #expect(first.contains("built maml_sinusoid in "))
    #expect(place.names(in: "library") == files)
    let library = try place.bytes("library/maml_sinusoid.so")
    _ = try place.buildSinusoid()
    #expect(place.text("output").contains("(from the cache)"))
    #expect(try place.bytes("library/maml_sinusoid.so") == library)
  }

  @Test("the switches and dims reach the manifest")
  func flagsReachManifest() throws {
    let place = try Workplace()
    _ = try place.buildSinusoid(
      "--dtype", "f64", "--derivation", "standard", "--remat", "none", "--inner-gradients",
      "recompute")
    let manifest = place.text("library/maml_sinusoid.json")
    for text in [
      "\"dtype\" : \"f64\"", "\"hidden\" : 4", "\"derivation\" : \"standard\"",
      "\"remat\" : \"none\"", "\"inner_gradients\" : \"recompute\"",
    ] {
      #expect(manifest.contains(text))
    }
  }

  @Test("an unknown name is shown with its place, a caret and a suggestion")
  func unknownName() throws {
    let place = try Workplace()
    let text = try String(contentsOfFile: Workplace.example("maml_sinusoid.mix"), encoding: .utf8)
    let spec = try place.write(
      text.replacing("predict(theta, x_query)", with: "predict(theta, x_qeury)"), as: "bad.mix")
    let result = try place.run("build", spec, "-o", place.file("library"))
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("bad.mix:30:46: error: "))
    #expect(result.errors.contains("^~~~~~~"))
    #expect(result.errors.contains("did you mean x_query?"))
    #expect(place.names(in: "library").isEmpty)
  }

  @Test("operands of wrong shapes are shown with their shapes")
  func wrongShape() throws {
    let place = try Workplace()
    let text = try String(contentsOfFile: Workplace.example("maml_sinusoid.mix"), encoding: .utf8)
    let spec = try place.write(
      text.replacing("relu(x @ p.w1", with: "relu(x @ p.w2"), as: "bad.mix")
    let result = try place.run("build", spec)
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("bad.mix:19:"))
    #expect(result.errors.contains("`- x: [10, 1]"))
    #expect(result.errors.contains("`- p.w2: [40, 40]"))
  }

  @Test("an unknown dimension and a missing spec are the user's mistakes")
  func unknownDimension() throws {
    let place = try Workplace()
    let dimension = try place.run(
      "build", Workplace.example("maml_sinusoid.mix"), "--set", "hiden=4")
    #expect(dimension.exitCode == 1)
    #expect(dimension.errors.contains("hidden"))
    let spec = try place.run("build", "nothing.mix")
    #expect(spec.exitCode == 1)
    #expect(spec.errors.contains("nothing.mix"))
    #expect(spec.errors.split(separator: "\n").count == 1)
  }

  @Test("an unknown CPU is named")
  func unknownCPU() throws {
    let place = try Workplace()
    let result = try place.run(
      "build", Workplace.example("maml_sinusoid.mix"), "--target-cpu", "x86-64-v33")
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("did you mean x86-64-v3?"))
  }

  @Test("a library that another compiler made gives the same values, and is cached apart")
  func otherCompiler() throws {
    let place = try Workplace()
    for (name, flags) in [("ours", []), ("theirs", ["--cc", "clang-19 -fno-lto"])] {
      let build = try place.start(
        ["build"] + Workplace.smallSinusoid + flags + ["-o", place.file(name)])
      build.waitUntilExit()
      #expect(build.terminationStatus == 0)
      let library = place.file("\(name)/maml_sinusoid.so")
      let run = try place.run("run", library, "--outputs", place.file("\(name).npz"))
      #expect(run.exitCode == 0)
    }
    #expect(try place.bytes("ours.npz") == place.bytes("theirs.npz"))
    let missing = try place.run(
      "build", Workplace.example("maml_sinusoid.mix"), "--cc", "no-such-compiler")
    #expect(missing.exitCode == 1)
    #expect(missing.errors.contains("--cc 'no-such-compiler' names no program that can be run"))
  }

  @Test("a folder that cannot be written is one clear error")
  func unwritableFolder() throws {
    let place = try Workplace()
    let obstacle = try place.write("", as: "obstacle")
    let result = try place.run(
      "build", Workplace.example("maml_sinusoid.mix"), "-o", "\(obstacle)/library")
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("cannot write \(obstacle)/library: not a directory"))
    #expect(place.names() == ["errors", "obstacle", "output"])
  }

  @Test("a disk that becomes full leaves no half-written file")
  func fullDisk() throws {
    let place = try Workplace()
    // With everything in the cache, only the library's own files are written.
    _ = try place.buildSinusoid()
    let process = try place.start(
      ["build"] + Workplace.smallSinusoid + ["-o", place.file("other")], fileLimit: 8)
    process.waitUntilExit()
    let result = place.result(of: process)
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("cannot write \(place.file("other"))/maml_sinusoid.so"))
    #expect(place.names(in: "other").isEmpty)
  }

  @Test("help and version succeed, unknown commands and flags are the user's mistakes")
  func usage() throws {
    let place = try Workplace()
    let version = try place.run("--version")
    #expect(version.exitCode == 0)
    #expect(version.output.hasPrefix("mixfuse "))
    for command in ["build", "verify", "run", "train", "dump"] {
      let help = try place.run(command, "--help")
      #expect(help.exitCode == 0)
      #expect(help.output.contains("mixfuse \(command) "))
    }
    #expect(try place.run("bild").exitCode == 1)
    let flag = try place.run("run", "library.so", "--thread", "2")
    #expect(flag.exitCode == 1)
    #expect(flag.errors.contains("--thread"))
  }
}
