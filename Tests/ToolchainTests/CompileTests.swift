// SPDX-License-Identifier: Apache-2.0
//
// C text through clang and LLVM: the code runs, is the same every time, uses the target's
// instructions, and failures say what failed.

import Diagnostics
import Testing

@testable import Toolchain

#if arch(x86_64)
  private let isX86 = true
#else
  private let isX86 = false
#endif

@Suite("Compiling C")
struct CompileTests {
  @Test("a compiled kernel runs and exports only what is marked", arguments: [0, 1, 7, 8, 9, 1000])
  func runs(count: Int) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libaffine.so"
    try linkSharedLibrary(try compile([affineKernel], for: .host()), to: path)
    let library = try LoadedLibrary(path)
    let x = (0..<count).map { Float($0) }
    #expect(try library.call("affine", x) == x.map { 3 * $0 + 1 })
    #expect(!library.exports("helper"))
  }

  @Test("units compiled at the same time call each other through hidden symbols")
  func severalUnits() throws {
    let caller = CSource(
      name: "caller.c",
      text: """
        void fill(float *y, long count);
        __attribute__((visibility("default")))
        void entry(const float *x, float *y, long count) { (void)x; fill(y, count); }

        """)
    let callee = CSource(
      name: "callee.c",
      text: "void fill(float *y, long count) { for (long i = 0; i < count; i++) y[i] = 3.0f; }\n")
    let units = try compile([caller, callee], for: .host())
    #expect(units.map(\.name) == ["caller.c", "callee.c"])

    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libpair.so"
    try linkSharedLibrary(units, to: path)
    let library = try LoadedLibrary(path)
    #expect(try library.call("entry", [0, 0, 0]) == [3, 3, 3])
    #expect(!library.exports("fill"))
  }

  @Test("the same text gives the same bytes")
  func deterministic() throws {
    let first = try compile([affineKernel, affineKernel], for: .host())
    let second = try compile([affineKernel], for: .host())
    #expect(first.map(\.bytes) == [second[0].bytes, second[0].bytes])
    let libraries = try (0..<2).map { _ in try linkSharedLibrary(second, name: "libaffine.so") }
    #expect(libraries[0] == libraries[1])
  }

  @Test("every optimisation level gives the same values", arguments: 0...3)
  func levels(rawLevel: Int) throws {
    let level = try #require(OptimizationLevel(rawValue: rawLevel))
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/libaffine.so"
    try linkSharedLibrary(try compile([affineKernel], for: .host(), level: level), to: path)
    let x: [Float] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    #expect(try LoadedLibrary(path).call("affine", x) == x.map { 3 * $0 + 1 })
  }

  @Test("products and sums are fused where the target can", .enabled(if: isX86))
  func fusion() throws {
    let third = try TargetDescription.named("x86-64-v3")
    let fused = try compile([affineKernel], for: third, to: .assembly)[0].text
    #expect(fused.contains("vfmadd"))
    #expect(fused.contains("%ymm"))
    #expect(!fused.contains("%zmm"))
    let baseline = try TargetDescription.named("x86-64")
    let unfused = try compile([affineKernel], for: baseline, to: .assembly)[0].text
    #expect(!unfused.contains("vfmadd"))
    #expect(unfused.contains("mulps"))
  }

  @Test("the widest registers are used on AVX-512", .enabled(if: isX86))
  func wideVectors() throws {
    let source = CSource(
      name: "wide.c",
      text: """
        typedef float v16f __attribute__((ext_vector_type(16), aligned(4)));
        void twice(v16f *x) { *x = *x * 2.0f; }

        """)
    for cpu in ["x86-64-v4", "skylake-avx512"] {
      let target = try TargetDescription.named(cpu)
      #expect(try compile([source], for: target, to: .assembly)[0].text.contains("%zmm"))
    }
  }

  @Test("a square root is one instruction")
  func squareRoot() throws {
    let source = CSource(
      name: "root.c",
      text: "#include <math.h>\nfloat root(float x) { return sqrtf(x) + x * x; }\n")
    let text = try compile([source], for: .host(), to: .assembly)[0].text
    #expect(!text.contains("sqrtf"))
  }

  @Test("IR can be read before and after optimisation")
  func intermediateText() throws {
    let before = try compile([affineKernel], for: .host(), to: .unoptimizedIR)[0]
    let after = try compile([affineKernel], for: .host(), to: .optimizedIR)[0]
    #expect(before.text.contains("define internal <8 x float> @helper"))
    #expect(before.text.contains("alloca"))
    #expect(!after.text.contains("@helper"))
    #expect(!after.text.contains("alloca"))
    #expect(before.times.frontEnd > 0 && before.times.optimization == 0)
    #expect(after.times.optimization > 0 && after.times.emission == 0)
  }

  @Test("a pragma that LLVM cannot follow is reported as a warning")
  func failedPragma() throws {
    let source = CSource(
      name: "loop.c",
      text: """
        float next(float x);
        void apply(float *x, long count) {
        #pragma clang loop vectorize(enable)
          for (long i = 0; i < count; i++) {
            x[i] = next(x[i]);
          }
        }

        """)
    let unit = try compile([source], for: .host())[0]
    #expect(unit.warnings.contains { $0.contains("loop not vectorized") })
    #expect(try compile([affineKernel], for: .host())[0].warnings == [])
  }

  @Test("text that is not C is a bug of the compiler, and the first such unit is named")
  func frontEndFailure() {
    let broken = CSource(name: "broken.c", text: "int f( {\n")
    do {
      _ = try compile([affineKernel, broken, broken], for: .host())
      Issue.record("compiled")
    } catch let error {
      guard case .frontEndFailed(let name, let output) = error else {
        Issue.record("unexpected error: \(error)")
        return
      }
      #expect(name == "broken.c")
      #expect(output.contains("<stdin>:1:8: error:"))
      #expect(error.category == .compilerBug)
    }
  }

  @Test("a clang that says nothing and leaves no bitcode is not believed")
  func silentFrontEnd() throws {
    let programs = try TemporaryFolder()
    _ = try programs.write("#!/bin/sh\nexit 0\n", as: "clang-19")
    let expected = ToolchainError.toolResult(
      tool: "\(programs.path)/clang-19", found: "0 bytes", expected: "LLVM's bitcode")
    #expect(throws: expected) {
      try compile(
        [affineKernel], for: .host(), tools: ExternalTools(searchPath: [programs.path]))
    }
  }

  @Test("bytes that are not bitcode are refused by LLVM, with its reason")
  func notBitcode() {
    do {
      _ = try LLVMModule(bitcode: Array("no bitcode at all".utf8), name: "noise")
      Issue.record("parsed")
    } catch let error {
      guard case .llvmFailed("read the bitcode of", "noise", let messages) = error else {
        Issue.record("unexpected error: \(error)")
        return
      }
      #expect(!messages.isEmpty)
      #expect(error.category == .compilerBug)
    }
  }

  @Test("an error that LLVM meets while emitting is thrown, not printed")
  func emissionFailure() throws {
    let source = CSource(
      name: "assembly.c", text: "void f(void) { __asm__(\"no_such_instruction %eax\"); }\n")
    do {
      _ = try compile([source], for: .host())
      Issue.record("compiled")
    } catch let error {
      guard case .llvmFailed("generate code for", "assembly.c", let messages) = error else {
        Issue.record("unexpected error: \(error)")
        return
      }
      #expect(messages.contains { $0.contains("no_such_instruction") })
    }
  }

  @Test("a fatal error of LLVM ends the process as a bug of the compiler", .enabled(if: isX86))
  func fatalError() async {
    await #expect(processExitsWith: .exitCode(3)) {
      // The frame pointer of a function without one: LLVM does not return from this error.
      let source = CSource(
        name: "frame.c",
        text: """
          register unsigned long frame __asm__("rbp");
          unsigned long read_frame(void) { return frame; }

          """)
      _ = try compile([source], for: .host())
    }
  }
}
