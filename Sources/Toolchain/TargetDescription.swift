// SPDX-License-Identifier: Apache-2.0
//
// The processor that code is generated for: this machine's, as LLVM finds it, or one named by
// `--target-cpu`. The code generator takes the vector width from here; the manifest lists the
// features, so that the runtime can refuse a library that this CPU cannot run.
//
// Feature names are LLVM's. Both ways of getting them end in the same text, "+avx2,-xop,...": the
// host's comes from LLVM, a named CPU's from the attributes clang puts on a function compiled for it.

import CLLVM
import Diagnostics
import Glibc

/// A processor as the code generator, the compiler and the manifest see it.
package struct TargetDescription: Sendable, Hashable {
  /// LLVM's triple, such as `x86_64-pc-linux-gnu`.
  package let triple: String
  /// LLVM's name of the processor, such as `znver4` or `x86-64-v3`.
  package let cpu: String
  /// The features that generated code may rely on, from `numericFeatures`, in that order.
  package let features: [String]
  /// Bytes in the widest vector register that arithmetic should use: 16, 32 or 64.
  package let vectorBytes: Int

  /// Whether this describes the machine that runs the compiler.
  let isHost: Bool
  /// All features in LLVM's notation, sorted, for the target machine.
  let featureString: String

  /// The features that compilers use unasked in numeric code, oldest first. Everything else (cache
  /// control, virtualisation, cryptography) needs an intrinsic, which generated C does not have.
  package static let numericFeatures = [
    "sse3", "ssse3", "sse4.1", "sse4.2", "sse4a", "popcnt", "lzcnt", "bmi", "bmi2", "tbm", "movbe",
    "adx", "f16c", "fma", "fma4", "xop", "avx", "avx2", "gfni", "avxvnni", "avxvnniint8",
    "avxvnniint16", "avxifma", "avxneconvert", "avx512f", "avx512cd", "avx512bw", "avx512dq",
    "avx512vl", "avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512vnni", "avx512bitalg",
    "avx512vpopcntdq", "avx512bf16", "avx512fp16", "neon", "fullfp16", "dotprod", "bf16", "i8mm",
    "sve", "sve2",
  ]

  /// The machine this process runs on.
  ///
  /// - Cost: microseconds; no program is started.
  package static func host() -> TargetDescription {
    TargetDescription(
      triple: takeMessage(LLVMGetDefaultTargetTriple()),
      cpu: takeMessage(LLVMGetHostCPUName()),
      featureString: takeMessage(LLVMGetHostCPUFeatures()),
      isHost: true)
  }

  /// The kinds of machines that can be compiled for on any machine, each with its plainest processor.
  package static let kinds: KeyValuePairs = [
    "aarch64-linux-gnu": "generic", "x86_64-linux-gnu": "x86-64",
  ]

  /// The plainest processor of a kind of machine, or one that is named.
  ///
  /// - Parameters:
  ///   - triple: one of `kinds`.
  ///   - cpu: LLVM's name of the processor.
  /// - Cost: one start of clang, about 30 ms.
  /// - Throws: `toolchain.target-unknown`; `toolchain.cpu-unknown` with the nearest known name;
  ///   `toolchain.tool-missing`.
  package static func kind(
    _ triple: String, cpu: String? = nil, tools: ExternalTools = ExternalTools()
  ) throws(ToolchainError) -> TargetDescription {
    guard let plainest = kinds.first(where: { $0.key == triple })?.value else {
      throw .targetUnknown(name: triple, known: kinds.map(\.key))
    }
    return try named(cpu ?? plainest, triple: triple, tools: tools)
  }

  /// A processor of the host's architecture by its name; `native` is the host.
  ///
  /// - Cost: one start of clang, about 30 ms.
  /// - Throws: `toolchain.cpu-unknown` with the nearest known name; `toolchain.tool-missing`.
  package static func named(
    _ cpu: String, tools: ExternalTools = ExternalTools()
  ) throws(ToolchainError) -> TargetDescription {
    let host = host()
    return cpu == "native" ? host : try named(cpu, triple: host.triple, tools: tools)
  }

  private static func named(
    _ cpu: String, triple: String, tools: ExternalTools
  ) throws(ToolchainError) -> TargetDescription {
    let arguments =
      ["-x", "c", "-", "-c", "-emit-llvm", "-o", "-", "--target=\(triple)"]
      + cpuArguments(cpu, triple: triple)
    let probe = try MemoryFile(Array("void probe(void) {}\n".utf8))
    let result = try runChild(try tools.clang(), arguments, input: probe)
    guard result.status == 0 else {
      throw unknownCPU(cpu, clangMessages: result.messages)
    }
    let module = try LLVMModule(bitcode: result.output, name: "CPU probe")
    let features = module.functionAttribute("target-features", of: "probe") ?? ""
    return TargetDescription(
      triple: triple, cpu: cpu, featureString: features, isHost: false)
  }

  /// Derives the relevant features and the vector width from LLVM's feature text.
  init(triple: String, cpu: String, featureString: String, isHost: Bool) {
    // LLVM lists the host's in the order of a hash table.
    let entries = featureString.split(separator: ",").sorted()
    let enabled = Set(entries.filter { $0.hasPrefix("+") }.map { $0.dropFirst() })
    self.triple = triple
    self.cpu = cpu
    self.featureString = entries.joined(separator: ",")
    self.isHost = isHost
    features = TargetDescription.numericFeatures.filter { enabled.contains($0[...]) }
    // AVX-512 without VL and DQ (Knights Landing) lacks half of what vector code needs. SVE has no
    // fixed width, so code with fixed-width vectors treats it as NEON.
    if ["avx512f", "avx512vl", "avx512dq", "avx512bw"].allSatisfy({ enabled.contains($0[...]) }) {
      vectorBytes = 64
    } else {
      vectorBytes = enabled.contains("avx") ? 32 : 16
    }
  }

  /// The kind of machine, if another one's linker and C library are needed.
  var foreignKind: String? {
    let architecture = triple.prefix { $0 != "-" } + "-"
    return TargetDescription.host().triple.hasPrefix(architecture) ? nil : triple
  }

  /// What clang and libclang are told about the processor.
  var frontEndArguments: [String] { ["--target=\(triple)"] + compilerArguments }

  /// What any C compiler for this kind of machine is told about the processor.
  var compilerArguments: [String] {
    let cpuFlags = TargetDescription.cpuArguments(isHost ? "native" : cpu, triple: triple)
    // Clang halves 64-byte vectors on the first AVX-512 processors unless told; the width of
    // generated code is chosen by `vectorBytes` and must be the width that is emitted.
    return vectorBytes == 64 ? cpuFlags + ["-mprefer-vector-width=512"] : cpuFlags
  }

  /// Bytes of one core's second-level cache, if this is the machine at hand and it tells.
  package var secondCacheBytes: Int? {
    let bytes = isHost ? sysconf(Int32(_SC_LEVEL2_CACHE_SIZE)) : 0
    return bytes > 0 ? bytes : nil
  }

  /// What identifies the target in a cache key.
  package var fingerprint: [String] { [triple, cpu, featureString, "\(vectorBytes)"] }

  private static func cpuArguments(_ cpu: String, triple: String) -> [String] {
    // On x86, -mcpu is only a deprecated name of -mtune; on ARM, -march takes no processor names.
    triple.hasPrefix("x86_64") ? ["-march=\(cpu)"] : ["-mcpu=\(cpu)"]
  }

  /// Turns clang's list of valid names into a suggestion.
  private static func unknownCPU(_ cpu: String, clangMessages: String) -> ToolchainError {
    // For ARM, clang names none.
    if clangMessages.contains("unsupported argument '\(cpu)' to option '-mcpu='") {
      return .cpuUnknown(name: cpu, suggestion: nil)
    }
    let marker = "values are: "
    guard let list = clangMessages.split(separator: marker, maxSplits: 1).dropFirst().first else {
      return .frontEndFailed(name: "the CPU probe", output: clangMessages)
    }
    let names = list.prefix { $0 != "\n" }.split(separator: ", ").map(String.init)
    return .cpuUnknown(name: cpu, suggestion: didYouMean(cpu, among: names))
  }
}

/// Copies a string that LLVM allocated, and frees it.
func takeMessage(_ message: UnsafeMutablePointer<CChar>?) -> String {
  guard let message else { return "" }
  defer { LLVMDisposeMessage(message) }
  return String(cString: message)
}
