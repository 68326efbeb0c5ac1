// SPDX-License-Identifier: Apache-2.0
//
// The generated C of random specs under clang's address and undefined-behaviour sanitizers, run by a
// small C program (Tests/Soak/C/driver.c) with every array in a block of its own; results against
// the interpreter. Skipped where clang's sanitizer runtime is not installed (`make soak` installs
// it).

import CEmission
import Differentiation
import Foundation
import Interpreter
import Kernels
import MixFuse
import Scheduling
import TensorIR
import Toolchain

struct SanitizerTrial: Trial {
  let name = "sanitizers"
  let purpose = "generated C under clang's sanitizers"
  let share = 0
  let secondLimit = 120.0

  func files(seed: UInt64) -> [CaseFile] { SpecCase.files(seed: seed) }

  static let clang = "/usr/lib/llvm-19/bin/clang"
  static var hasRuntime: Bool {
    let found = try? Child.run(
      clang, ["-fsanitize=address", "-print-file-name=libclang_rt.asan-x86_64.a"])
    let path = found?.output.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    let folder = try? Child.run(clang, ["-print-runtime-dir"])
    let runtime = folder?.output.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    return path.hasPrefix("/")
      || FileManager.default.fileExists(atPath: "\(runtime)/libclang_rt.asan.a")
      || FileManager.default.fileExists(atPath: "\(runtime)/libclang_rt.asan-x86_64.a")
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    guard Self.hasRuntime else { return .skipped("clang has no sanitizer runtime here") }
    var spec = try SpecCase(seed: seed, in: place)
    let entries: [EntryPoint] = [.metaGradient, .hessianVectorProduct]
    let programs = try spec.programs(entries)
    let library = emitLibrary(
      named: spec.problem.name, entryPoints: programs, banner: [])
    try place.write(CaseFile("library.c", library.source))
    try place.write(CaseFile("program.h", Self.description(programs, spec.problem.name)))
    var inputs: [[NumericArray]] = []
    var bytes: [UInt8] = []
    for entry in entries {
      let graph = try spec.compilation.derived(entry, of: spec.problem)
      inputs.append(try spec.inputs(of: graph))
      bytes += inputs[inputs.count - 1].flatMap(\.storedBytes)
    }
    try place.write(CaseFile("inputs.bin", bytes))
    let driver = "\(Repository.root)/Tests/Soak/C/driver.c"
    let built = try Child.run(
      Self.clang,
      [
        "-std=gnu11", "-O1", "-g", "-march=native", "-w", "-fsanitize=address,undefined",
        // The driver calls every entry point with untyped pointers.
        "-fno-sanitize=function",
        "-fno-sanitize-recover=all", "-I", place.path, place.file("library.c"), driver, "-lm",
        "-o", place.file("program"),
      ])
    guard built.status == 0 else { return .failed("clang: \(built.errors)") }
    let result = try Child.run(place.file("program"), [], in: place.path)
    guard result.status == 0 else { return .failed("\(result.status): \(result.errors)") }
    return try judged(place.bytes("outputs.bin") ?? [], entries, programs, inputs, &spec)
  }

  private func judged(
    _ bytes: [UInt8], _ entries: [EntryPoint], _ programs: [Program], _ inputs: [[NumericArray]],
    _ spec: inout SpecCase
  ) throws -> Verdict {
    var position = 0
    for (index, entry) in entries.enumerated() {
      let graph = try spec.compilation.derived(entry, of: spec.problem)
      var comparison = try Comparison(graph, inputs[index], .f64)
      let found = programs[index].outputs.map { output -> NumericArray in
        let end = min(bytes.count, position + output.type.byteCount)
        defer { position = end }
        return NumericArray(output.type, stored: Array(bytes[position..<end]))
      }
      guard comparison.isFinite else { continue }
      if let difference = try comparison.difference(from: found) {
        return .failed("\(entry.rawValue): \(difference)\n\(spec.options)")
      }
    }
    return .passed
  }

  /// The tables that the driver is compiled with.
  private static func description(_ programs: [Program], _ name: String) -> String {
    var text = "#include <stdint.h>\n"
    for program in programs {
      text +=
        "int32_t \(name)_\(program.name)(const void *, const void *, void *, const void *);\n"
    }
    func counts(_ ports: [Program.Port]) -> String {
      ports.map { "\($0.type.byteCount)" }.joined(separator: ", ")
    }
    text += "static const struct program programs[] = {\n"
    for program in programs {
      text +=
        "  {(call)\(name)_\(program.name), \(program.inputs.count), \(program.outputs.count), "
        + "\(program.arenaBytes + program.workerArenaBytes),\n"
        + "   {\(counts(program.inputs))}, {\(counts(program.outputs))}},\n"
    }
    return text + "};\n"
  }
}
