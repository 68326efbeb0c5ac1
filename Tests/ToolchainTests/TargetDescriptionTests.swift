// SPDX-License-Identifier: Apache-2.0
//
// The processor descriptions: the host's, named ones, and names that do not exist.

import Diagnostics
import Testing

@testable import Toolchain

#if arch(x86_64)
  private let isX86 = true
#else
  private let isX86 = false
#endif

@Suite("Target description")
struct TargetDescriptionTests {
  @Test("the host has a name, a triple and a whole number of vector lanes")
  func host() {
    let host = TargetDescription.host()
    #expect(!host.cpu.isEmpty)
    #expect(host.triple.contains("linux"))
    #expect([16, 32, 64].contains(host.vectorBytes))
    #expect(host == TargetDescription.host())
  }

  @Test("native is the host")
  func native() throws {
    #expect(try TargetDescription.named("native") == .host())
  }

  @Test("the x86-64 levels have their features and vector widths", .enabled(if: isX86))
  func levels() throws {
    let baseline = try TargetDescription.named("x86-64")
    let second = try TargetDescription.named("x86-64-v2")
    let third = try TargetDescription.named("x86-64-v3")
    let fourth = try TargetDescription.named("x86-64-v4")
    #expect([baseline, second, third, fourth].map(\.vectorBytes) == [16, 16, 32, 64])
    #expect(baseline.features == [])
    #expect(second.features == ["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"])
    #expect(
      third.features == second.features + [
        "lzcnt", "bmi", "bmi2", "movbe", "f16c", "fma", "avx", "avx2",
      ])
    #expect(
      fourth.features == third.features + [
        "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl",
      ])
  }

  @Test("AVX-512 without its byte and half-width parts counts as AVX2", .enabled(if: isX86))
  func knightsLanding() throws {
    let target = try TargetDescription.named("knl")
    #expect(target.features.contains("avx512f"))
    #expect(target.vectorBytes == 32)
  }

  @Test("an unknown CPU is the user's mistake, with the nearest name", .enabled(if: isX86))
  func unknown() {
    #expect(
      throws: ToolchainError.cpuUnknown(name: "x86-64-v33", suggestion: "did you mean x86-64-v3?")
    ) {
      try TargetDescription.named("x86-64-v33")
    }
    let error = ToolchainError.cpuUnknown(name: "zen", suggestion: nil)
    #expect(error.category == .userError)
    #expect(error.text == "LLVM knows no CPU named 'zen' for this machine")
    #expect(error.help == "'clang-19 --print-supported-cpus' lists the names")
  }

  @Test("a missing clang is reported with the package that brings it")
  func missingClang() {
    let nowhere = ExternalTools(searchPath: ["/nonexistent"])
    let expected = ToolchainError.toolMissing(tool: "clang-19", package: "clang-19")
    #expect(throws: expected) { try TargetDescription.named("x86-64-v3", tools: nowhere) }
    #expect(throws: expected) { try compile([affineKernel], for: .host(), tools: nowhere) }
    #expect(throws: expected) { try nowhere.fingerprint() }
    #expect(expected.help == "install it: sudo apt-get install clang-19")
  }

  @Test("the fingerprint tells targets apart and repeats")
  func fingerprint() throws {
    #expect(TargetDescription.host().fingerprint == TargetDescription.host().fingerprint)
    #expect(try ExternalTools().fingerprint() == ExternalTools().fingerprint())
    #expect(try ExternalTools().fingerprint().first == "llvm \(llvmVersion())")
  }
}
