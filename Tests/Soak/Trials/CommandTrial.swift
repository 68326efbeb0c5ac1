// SPDX-License-Identifier: Apache-2.0
//
// Random command lines. Whatever is asked for, the command ends by itself, with 0, 1, 2 or the 64 of
// a wrong command line; and if its output cannot be written, not with 0.

import Foundation
import TestSupport

struct CommandTrial: Trial {
  let name = "commands"
  let purpose = "random command lines"
  let secondLimit = 150.0
  let share = 25

  func files(seed: UInt64) -> [CaseFile] {
    var generator = SeededGenerator(seed: seed)
    return [
      CaseFile("small.mix", TrainingRun.spec),
      CaseFile("arguments.txt", Self.arguments(&generator).joined(separator: "\n")),
    ]
  }

  /// The values that flags may have, right and wrong ones.
  private static let values: [String: [String]] = [
    "--set": [
      "n=2", "h=1", "steps=1", "n=0", "h=-1", "n", "=", "z=3", "n=99999999999999999999", "h=x",
    ],
    "--preset": ["small", "", "57M"],
    "--dtype": ["f32", "f64", "f16", "F32"],
    "--derivation": ["mixed", "standard", "both"],
    "--remat": ["block", "none", "all"],
    "--memory": [
      "600MiB", "1", "0", "-1", "1e3", "1.5GiB", "1XiB", "99999999999999999999TiB", ".",
    ],
    "--inner-gradients": ["save", "recompute", "drop"],
    "--target-cpu": ["x86-64-v3", "x86-64", "none", "", "znver5"],
    "--no-cache": [],
    "--output": ["results", "small.mix", "/nowhere/x", ""],
    "--reference": ["data.npz", "small.mix", "nothing.npz", "."],
    "--inputs": ["data.npz", "small.mix", "nothing.npz", "/dev/null"],
    "--outputs": ["out.npz", "out.txt", "/nowhere/out.npz", ".npz", "out.npy"],
    "--convert": [],
    "--entry": ["meta_gradient", "hvp", "inner_step", "nothing"],
    "--repeat": ["1", "3", "0", "-1", "x"],
    "--threads": ["1", "2", "0", "-3", "300"],
    "--seed": ["0", "1", "-1", "18446744073709551615", "x"],
    "--json": [],
    "--data": ["data.npz", "small.mix", "nothing", "."],
    "--outer-steps": ["1", "3", "0", "-1", "1e3"],
    "--optimizer": ["sgd", "adam", "other"],
    "--rate": ["0.1", "0", "-1", "nan", "inf", "1e-300"],
    "--init": ["rate=1", "rate=", "=1", "eta.w=nan", "nothing=1", "eta.b=0.1"],
    "--carry-theta": [],
    "--out": ["results", "small.mix", "/nowhere/x"],
    "--resume": [],
    "--overwrite": [],
    "--ablation": [],
    "--profile": [],
    "--vary": ["n=1,2", "steps=1,2,3", "n=", "z=1", "n=1,,2"],
    "--csv": ["out.csv", "/nowhere/out.csv", "."],
    "--svg": ["out.svg", "/nowhere/out.svg"],
    "--markdown": ["out.md"],
    "--stage": [
      "tokens", "ast", "ir", "gradient", "meta-gradient", "kernels", "c", "llvm", "asm", "x",
    ],
    "--after-pass": ["simplifyAlgebra", "nothing"],
  ]

  private static let common = [
    "--set", "--preset", "--dtype", "--derivation", "--remat", "--memory", "--inner-gradients",
    "--target-cpu", "--no-cache",
  ]

  private static let flags: [String: [String]] = [
    "build": common + ["--output"],
    "verify": common + ["--reference", "--seed", "--threads", "--json"],
    "run": [
      "--inputs", "--outputs", "--convert", "--entry", "--repeat", "--threads", "--seed", "--json",
    ],
    "train": common + [
      "--data", "--outer-steps", "--optimizer", "--rate", "--init", "--carry-theta", "--out",
      "--resume", "--overwrite", "--seed", "--threads",
    ],
    "plan": common + ["--entry", "--threads", "--json", "--svg"],
    "bench": common + [
      "--repeat", "--threads", "--json", "--ablation", "--profile", "--svg", "--markdown",
    ],
    "sweep": ["--vary", "--csv", "--svg", "--preset"],
    "dump": common + ["--entry", "--stage", "--after-pass"],
  ]

  private static func arguments(_ generator: inout SeededGenerator) -> [String] {
    let command = generator.choose(flags.keys.sorted())
    var arguments = [command]
    let target = command == "run" ? "library/small.so" : "small.mix"
    if generator.chance(0.95) {
      arguments.append(
        generator.chance(0.92)
          ? target : generator.choose(["nothing.mix", ".", "data.npz", "/dev/null"]))
    }
    if command == "train" { arguments += ["--data", "data.npz"] }
    if command == "dump" { arguments += ["--stage", generator.choose(values["--stage"] ?? [])] }
    for _ in 0..<generator.choose([0, 1, 2, 3, 4]) {
      let own = flags[command] ?? []
      let flag =
        generator.chance(0.95) ? generator.choose(own) : generator.choose(values.keys.sorted())
      arguments.append(flag)
      if let values = values[flag], !values.isEmpty, generator.chance(0.97) {
        // Right ones stand first and are likelier.
        arguments.append(
          generator.chance(0.6) ? generator.choose(values.prefix(2) + []) : generator.choose(values)
        )
      }
    }
    return arguments
  }

  func run(seed: UInt64, in place: Place) throws -> Verdict {
    var generator = SeededGenerator(seed: seed &+ 7)
    _ = try TrainingRun(in: place, &generator)
    let arguments = String(decoding: place.bytes("arguments.txt") ?? [], as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if arguments.first == "run" {
      _ = try Child.mixfuse(["build", "small.mix", "-o", "library"], in: place)
    }
    let isFull = generator.chance(0.15)
    let result = try Child.mixfuse(
      arguments, in: place, seconds: 100, output: isFull ? "/dev/full" : nil)
    let line = arguments.joined(separator: " ")
    if result.timedOut { return .failed("no end: \(line)") }
    guard !result.crashed, [0, 1, 2, 64].contains(result.status) else {
      return .failed("exit \(result.status): \(line)\n\(result.errors)")
    }
    if isFull, result.status == 0 { return .failed("exit 0 with a full output: \(line)") }
    if result.status != 0, !isFull, result.errors.isEmpty, !line.hasPrefix("verify") {
      return .failed("exit \(result.status) without a word: \(line)")
    }
    return .passed
  }
}
