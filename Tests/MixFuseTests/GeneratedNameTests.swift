// SPDX-License-Identifier: Apache-2.0
//
// Any name of the language can be the name of anything, and the generated C, C++ and Swift compile.
// The names tried are what compilers and headers here know: every keyword and every macro.

import CEmission
import Foundation
import MixFuse
import MixFuseRuntime
import Testing

@Suite("Generated names")
struct GeneratedNameTests {
  /// Headers that a caller may have included before the generated one.
  private static let headers = """
    #include <assert.h>
    #include <complex.h>
    #include <errno.h>
    #include <fenv.h>
    #include <float.h>
    #include <inttypes.h>
    #include <iso646.h>
    #include <limits.h>
    #include <locale.h>
    #include <math.h>
    #include <signal.h>
    #include <stdalign.h>
    #include <stdbool.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <stdnoreturn.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <threads.h>
    #include <time.h>
    #include <unistd.h>
    #include <wchar.h>

    """

  /// Keywords of C23, C++26 and Swift, words of the generated code, and spellings that meet.
  private static let words = """
    alignas and_eq asm atomic_cancel auto bitand bool break case catch char char8_t class co_await
    compl concept const const_cast consteval constexpr constinit continue contract_assert decltype
    default delete do double dynamic_cast enum explicit export extern float friend goto inline int
    long mutable namespace new noexcept not_eq nullptr operator or_eq private protected public
    register reinterpret_cast requires restrict short signed sizeof static static_assert static_cast
    struct switch synchronized template this thread_local throw try typedef typeid typename typeof
    typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq final override
    _Bool _Complex _BitInt _Atomic __attribute__ __asm__ __func__ __builtin_inff
    Any Protocol Self Type actor associatedtype async await borrowing consuming convenience defer
    deinit didSet each extension fallthrough fileprivate func get guard import init inout internal is
    lazy macro mutating nil open optional precedencegroup protocol repeat required rethrows self set
    some subscript super throws typealias where willSet
    _ __ _1 _x a_b aB a_B a_b_2 class_ arena call direction frame grad i inner_losses inputs j k0
    library loss main malloc mf_call mf_exp_f32 n outputs p0 parallel pool s0 session state step t0
    v0 workers int32_t uint8_t mixfuse_parallel hashValue NDArray Library RuntimeError Session
    """.split { $0.isWhitespace }.map(String.init)

  /// Macros that are names of the language, of the headers above and of the compiler.
  private static func macros(in folder: URL) throws -> Set<String> {
    let file = folder.appending(path: "headers.c")
    try headers.write(to: file, atomically: true, encoding: .utf8)
    let listing = try Repository.run("clang-19", ["-std=gnu11", "-dM", "-E", file.path])
    #expect(listing.status == 0)
    return Set(
      listing.output.split(separator: "\n").compactMap { line in
        let name = line.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        // Macros with arguments are no trouble where no parenthesis follows.
        return name.contains("(") ? nil : name
      })
  }

  private static let reservedHere: Set = ["and", "false", "not", "or", "true"]

  /// A spec that uses names as data, leaves, groups, metas and dimensions.
  private static func spec(_ name: String, _ names: [String]) -> String {
    func list(_ separator: String, _ text: (String) -> String) -> String {
      names.map(text).joined(separator: separator)
    }
    // What is data, a tree and a dimension shares one space of names; leaves are in their own.
    let third = names.count / 3
    let (data, metas, dims) = (
      names[..<third], names[third..<2 * third], names[(2 * third)...]
    )
    return """
      spec \(name)
      dim \(dims.map { "\($0) = 2" }.joined(separator: ", "))
      params qq_theta {
        qq: [2] ~ ones
        leaves: { \(list(" ") { "\($0): [2]" }) }
        \(list(" ") { "\($0): { a: [2] }" })
      }
      meta qq_rate: [] ~ ones
      \(metas.map { "meta \($0): [2]" }.joined(separator: "\n"))
      inner(\(data.map { "\($0): [2]" }.joined(separator: ", "))) {
        minimize sum(square(qq_theta.qq)) * qq_rate by sgd(rate: 0.1) for 1
      }
      outer { minimize sum(qq_theta.qq) }
      """
  }

  /// Builds the spec and compiles its header as C and as C++.
  private static func check(_ text: String, in folder: URL) throws -> BuildResult {
    let file = folder.appending(path: "spec.mix")
    try text.write(to: file, atomically: true, encoding: .utf8)
    let built = try Compilation(path: file.path, options: BuildOptions())
      .build(into: folder.path, cache: nil)
    let header = built.files.first { $0.hasSuffix(".h") } ?? ""
    for (language, standard) in [("c", "gnu11"), ("c", "gnu23"), ("c++", "c++23")] {
      let caller = folder.appending(path: "caller.\(language)")
      let includes =
        language == "c" ? headers : headers.replacing("#include <threads.h>\n", with: "")
      try (includes + "#include \"\(header)\"\n")
        .write(to: caller, atomically: true, encoding: .utf8)
      let result = try Repository.run(
        "clang-19",
        [
          "-x", language, "-std=\(standard)", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated",
          "-Wno-unused-command-line-argument", "-fsyntax-only", caller.path,
        ])
      #expect(result.status == 0, "\(standard): \(result.output.prefix(2000))")
    }
    return built
  }

  @Test("macros of compiler and headers are names like others", arguments: 0..<4)
  func macros(part: Int) throws {
    try Repository.withTemporaryFolder { folder in
      let known = try Self.macros(in: folder)
      #expect(
        known.isSuperset(of: ["linux", "unix", "errno", "NULL", "INT32_MAX", "__linux__", "I"]))
      let names = known.subtracting(Self.reservedHere).sorted()
      let some = names.enumerated().filter { $0.offset % 8 == 2 * part }.map(\.element)
      _ = try Self.check(Self.spec("macros", some), in: folder)
    }
  }

  @Test("keywords are names like others, also in Swift", arguments: 0..<3)
  func keywords(rotation: Int) throws {
    try Repository.withTemporaryFolder { folder in
      // Rotated, so that each word is data, a meta and a dimension once.
      let words = Self.words
      let start = rotation * words.count / 3
      let built = try Self.check(
        Self.spec("words", Array(words[start...] + words[..<start])), in: folder)
      // The binding against a module with the same types.
      let module = folder.appending(path: "MixFuseRuntime.swift")
      try """
      public struct NDArray: Sendable { public func scalar<T>() throws(RuntimeError) -> T { throw RuntimeError() } }
      public struct RuntimeError: Error {}
      public struct NamedArrays { public func array(_ name: String) throws(RuntimeError) -> NDArray { NDArray() } }
      public final class ThreadPool {}
      public final class Library {
        public func require(spec: String, arraysDigest: String) throws(RuntimeError) {}
      }
      public final class Session {
        public init(_ library: Library, entryPoint: String, pool: ThreadPool?) throws(RuntimeError) {}
        public func setInput(_ name: String, to array: NDArray) throws(RuntimeError) {}
        public func setInput<T>(_ name: String, to value: T) throws(RuntimeError) {}
        public func run() throws(RuntimeError) {}
        public func output(_ name: String) throws(RuntimeError) -> NDArray { NDArray() }
      }
      """.write(to: module, atomically: true, encoding: .utf8)
      let made = try Repository.run(
        "swiftc", ["-emit-module", "-module-name", "MixFuseRuntime", module.path], in: folder)
      #expect(made.status == 0, "\(made.output.prefix(2000))")
      let binding = built.files.first { $0.hasSuffix(".swift") } ?? ""
      let result = try Repository.run(
        "swiftc", ["-typecheck", "-swift-version", "6", "-I", folder.path, binding])
      #expect(result.status == 0, "\(result.output.prefix(2000))")
    }
  }

  @Test(
    "specs called like a library, a header or a type get files and symbols of their own",
    arguments: ["mixfuse", "math", "stdint", "library", "n_d_array", "session", "self", "_", "k0"])
  func specNames(name: String) throws {
    try Repository.withTemporaryFolder { folder in
      let built = try Self.check(Self.spec(name, ["a", "b", "c"]), in: folder)
      let session = try Session(Library(path: built.library), entryPoint: "inner_loss")
      #expect(session.library.manifest.name == name)
      let inputs = try InputSampler(seed: 1).inputs(of: session.entryPoint)
      #expect(try session.run(inputs)["loss"] != nil)
      #expect(["math.h", "stdint.h"].allSatisfy { !built.files.contains("\(folder.path)/\($0)") })
    }
  }

  @Test("names that meet after escaping are told apart, and stay with their arrays")
  func distinct() throws {
    try Repository.withTemporaryFolder { folder in
      let spec = """
        spec meeting
        params p { a: { b_c: [1] ~ constant(1) }  a_b: { c: [1] ~ constant(2) } class: [1] ~ ones }
        meta class: [1] ~ constant(3)
        meta class_: [1] ~ constant(4)
        inner(step: [1] ~ constant(5), inner_losses: [1] ~ constant(6)) {
          minimize sum(p.a.b_c + 10 * p.a_b.c + 100 * class + 1000 * class_ + 10000 * step
            + 100000 * inner_losses + 0 * square(p.class)) by momentum(rate: 0.5, decay: 0.5) for 1
        }
        outer { minimize sum(p.a.b_c * p.a_b.c) + sum(inner.losses) }
        """
      let built = try Self.check(spec, in: folder)
      let library = try Library(path: built.library)
      for entry in ["inner_loss", "inner_step"] {
        let session = try Session(library, entryPoint: entry)
        var inputs = try InputSampler(seed: 1).inputs(of: session.entryPoint)
        #expect(
          Set(session.entryPoint.inputs.map(\.cName)).count == session.entryPoint.inputs.count)
        if entry == "inner_step" {
          #expect(inputs["step_2"]?.elementType == .int32)
          inputs["step_2"] = try NDArray([Int32(1)], shape: [])
        }
        let outputs = try session.run(inputs)
        if entry == "inner_loss" { #expect(outputs["loss"]?.scalarValue == 654_321) }
        if entry == "inner_step" { #expect(outputs["next.p.a_b.c"]?.doubles() == [2 - 0.5 * 10]) }
      }
    }
  }

  @Test("kernels that differ in their numbers of units share one function, and its parts do")
  func sharedParts() throws {
    try Repository.withTemporaryFolder { folder in
      let spec = """
        spec parts
        dim n = 300000, m = 400000
        params theta { a: [n] ~ normal(0, 1)  b: [m] ~ normal(0, 1) }
        meta lr: [] ~ constant(0.1)
        inner(x: [n], y: [m]) {
          minimize sum(square(theta.a - x)) + sum(square(theta.b - y)) by adam(rate: lr) for 2
        }
        outer { minimize sum(square(theta.a)) + sum(square(theta.b)) }
        """
      let library = try Library(path: Self.check(spec, in: folder).library)
      let session = try Session(
        library, entryPoint: "inner_gradient", pool: ThreadPool(workers: 2))
      let inputs = try InputSampler(seed: 1).inputs(of: session.entryPoint)
      let outputs = try session.run(inputs)
      for (parameter, data) in [("a", "x"), ("b", "y")] {
        let theta = try #require(inputs["theta.\(parameter)"]).doubles()
        let target = try #require(inputs[data]).doubles()
        let name = try #require(
          session.entryPoint.outputs.map(\.name).first { $0.hasSuffix(".\(parameter)") })
        // A difference of two floats, rounded, and its double, which is exact.
        let expected = zip(theta, target).map { Double(Float($0) - Float($1)) * 2 }
        #expect(try #require(outputs[name]).doubles() == expected, "\(name)")
      }
    }
  }
}
