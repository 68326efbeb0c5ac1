// SPDX-License-Identifier: Apache-2.0
//
// C text to machine code. Clang, as a child process with the text on its standard input, only
// translates C to LLVM's IR; LLVM then optimises and emits in this process. Several sources are
// compiled at once, one per core, each in an LLVM context of its own: cutting a program in two
// halves the time of a build.
//
// The C has been checked before (CheckC.swift), so a failure here is a bug of the compiler.

import CLLVM
import Dispatch
import Synchronization

/// One translation unit of C.
package struct CSource: Sendable, Hashable {
  /// File name for messages and for the object's symbol table, such as `maml_sinusoid.c`.
  package let name: String
  /// The C text; it may include only system headers.
  package let text: String

  /// Names a C text.
  package init(name: String, text: String) {
    self.name = name
    self.text = text
  }
}

/// How much work LLVM puts into a program: clang's -O0 to -O3.
package enum OptimizationLevel: Int, Sendable, Comparable {
  /// -O0: nothing.
  case none = 0
  /// -O1: no vectorisation.
  case basic = 1
  /// -O2.
  case standard = 2
  /// -O3: what generated libraries are built with.
  case aggressive = 3

  package static func < (lhs: OptimizationLevel, rhs: OptimizationLevel) -> Bool {
    lhs.rawValue < rhs.rawValue
  }

  /// LLVM's name of the pass pipeline.
  var pipeline: String { "default<O\(rawValue)>" }

  /// The effort of the code generator.
  var codeGeneration: LLVMCodeGenOptLevel {
    switch self {
    case .none: LLVMCodeGenLevelNone
    case .basic: LLVMCodeGenLevelLess
    case .standard: LLVMCodeGenLevelDefault
    case .aggressive: LLVMCodeGenLevelAggressive
    }
  }
}

/// What a compilation stops at.
package enum CompilationOutput: Sendable {
  /// LLVM IR as text, as clang translated it.
  case unoptimizedIR
  /// LLVM IR as text, after all passes.
  case optimizedIR
  /// The target's assembly language.
  case assembly
  /// A relocatable object file.
  case object
}

/// The result of compiling one source.
package struct CompiledUnit: Sendable {
  /// The source's name.
  package let name: String
  /// An object file, or text in UTF-8, as was asked for.
  package let bytes: [UInt8]
  /// What LLVM warned of, such as a loop that could not be unrolled as its pragma demands.
  package let warnings: [String]
  /// Where the time went.
  package let times: CompilationTimes

  /// `bytes` as text, for every output but an object.
  package var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Seconds of wall time in each phase of compiling one source.
package struct CompilationTimes: Sendable {
  /// C to IR, including the start of clang and reading the bitcode.
  package fileprivate(set) var frontEnd = 0.0
  /// LLVM's passes.
  package fileprivate(set) var optimization = 0.0
  /// IR to machine code.
  package fileprivate(set) var emission = 0.0
}

/// Compiles sources, at once where there are cores.
///
/// - Parameters:
///   - sources: translation units; each is compiled on its own.
///   - target: the processor to compile for.
///   - level: optimisation; -O3 unless told.
///   - output: what to produce; object files unless told.
///   - compiler: who makes object files; LLVM in this process if `nil`.
///   - tools: where clang is.
/// - Returns: one unit for each source, in their order.
/// - Cost: about 70 ms for 100 lines of kernels, 0.5 ms per further line, on one core.
/// - Throws: the error of the first source that failed: `toolchain.front-end-failed`,
///   `toolchain.llvm-failed`, `toolchain.tool-missing`, `toolchain.tool-result`; those of `CCompiler`.
package func compile(
  _ sources: [CSource], for target: TargetDescription, level: OptimizationLevel = .aggressive,
  to output: CompilationOutput = .object, with compiler: CCompiler? = nil,
  tools: ExternalTools = ExternalTools()
) throws(ToolchainError) -> [CompiledUnit] {
  let clang = try compiler == nil || output != .object ? tools.clang() : ""
  try MemoryFile.requireRoom(for: 8 + 4 * sources.count)
  typealias Outcome = Result<CompiledUnit, ToolchainError>
  let outcomes = Mutex([Outcome?](repeating: nil, count: sources.count))
  DispatchQueue.concurrentPerform(iterations: sources.count) { index in
    let outcome = Outcome { () throws(ToolchainError) in
      guard let compiler, output == .object else {
        return try compileOne(sources[index], for: target, level: level, to: output, clang: clang)
      }
      return CompiledUnit(
        name: sources[index].name,
        bytes: try compiler.object(of: sources[index], for: target, level: level), warnings: [],
        times: CompilationTimes())
    }
    outcomes.withLock { $0[index] = outcome }
  }
  var units: [CompiledUnit] = []
  for outcome in outcomes.withLock({ $0 }) {
    if let outcome { units.append(try outcome.get()) }
  }
  return units
}

private func compileOne(
  _ source: CSource, for target: TargetDescription, level: OptimizationLevel,
  to output: CompilationOutput, clang: String
) throws(ToolchainError) -> CompiledUnit {
  var times = CompilationTimes()
  let clock = ContinuousClock()
  let start = clock.now
  let bitcode = try translate(source, for: target, level: level, clang: clang)
  let module = try LLVMModule(bitcode: bitcode, name: source.name)
  let translated = clock.now
  times.frontEnd = (translated - start) / .seconds(1)

  func unit(_ bytes: [UInt8]) -> CompiledUnit {
    CompiledUnit(name: source.name, bytes: bytes, warnings: module.warnings, times: times)
  }
  if output == .unoptimizedIR { return unit(Array(module.text.utf8)) }

  let machine = try TargetMachine(target, level: level)
  try module.optimize(level, on: machine)
  let optimized = clock.now
  times.optimization = (optimized - translated) / .seconds(1)
  if output == .optimizedIR { return unit(Array(module.text.utf8)) }

  let kind = output == .assembly ? LLVMAssemblyFile : LLVMObjectFile
  let bytes = try module.emit(kind, on: machine)
  let frames = module.warnings.filter { $0.contains("stack frame size") }
  if !frames.isEmpty { throw .stackTooLarge(name: source.name, functions: frames) }
  times.emission = (clock.now - optimized) / .seconds(1)
  return unit(bytes)
}

/// Runs clang's front end: C to bitcode that no pass has touched.
private func translate(
  _ source: CSource, for target: TargetDescription, level: OptimizationLevel, clang: String
) throws(ToolchainError) -> [UInt8] {
  // The level must be given although no pass runs: -O0 would mark every function as not to be
  // optimised. Warnings are off here because libclang has judged the same text.
  let arguments =
    ["-x", "c", "-", "-w", "-O\(level.rawValue)", "-Xclang", "-disable-llvm-passes"]
    + ["-emit-llvm", "-c", "-o", "-", "-Wframe-larger-than=\(stackFrameLimit)"]
    + languageArguments + target.frontEndArguments
  let input = try MemoryFile(Array(source.text.utf8))
  let result = try runChild(clang, arguments, input: input)
  guard result.status == 0 else {
    throw .frontEndFailed(name: source.name, output: result.messages)
  }
  let bitcodeMark: [UInt8] = [0x42, 0x43, 0xc0, 0xde]
  guard result.output.starts(with: bitcodeMark) else {
    throw .toolResult(
      tool: clang, found: "\(result.output.count) bytes", expected: "LLVM's bitcode")
  }
  return result.output
}

/// Bytes of stack that one function may use. Libraries promise to need at most 256 KiB, and calls are
/// three deep where they are deepest: an entry point, the body of its parallel loop, a kernel. What
/// they call in turn are small leaves.
let stackFrameLimit = 80 << 10

/// The dialect of generated C, for clang and libclang alike.
///
/// Products and sums may be fused into one instruction, and `sqrt` sets no `errno`; beyond these
/// two, floating-point arithmetic is what the C says (no -ffast-math). A function is exported only
/// where the source says so by attribute.
let languageArguments = [
  "-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-fvisibility=hidden",
]
