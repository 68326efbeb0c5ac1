// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// Targets stand in the order in which data flows through them (see
// Sources/MixFuse/Architecture.swift); each lists all it may import, and a test holds it to that.

import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// A target of ours with the settings all of them share.
func stage(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of a target; `more` are further targets they compare it with.
func tests(_ name: String, _ more: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + more, swiftSettings: swiftSettings)
}

let package = Package(
  name: "mixfuse",
  products: [
    .executable(name: "mixfuse", targets: ["mixfuse"]),
    .library(name: "MixFuse", targets: ["MixFuse"]),
    .library(name: "MixFuseRuntime", targets: ["MixFuseRuntime"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // The compiler, front to back; what it shares with the runtime comes first.
    stage("MixFuseShared"),
    stage("Diagnostics", ["MixFuseShared"]),
    .target(
      name: "SpecLanguage", dependencies: ["Diagnostics"],
      resources: [.embedInCode("Prelude")], swiftSettings: swiftSettings),
    stage("TensorIR", ["MixFuseShared"]),
    stage("Kernels", ["MixFuseShared", "TensorIR"]),
    stage("Elaboration", ["Diagnostics", "MixFuseShared", "SpecLanguage", "TensorIR"]),
    stage("Interpreter", ["MixFuseShared", "TensorIR"]),
    stage("Differentiation", ["Kernels", "TensorIR"]),
    stage("Optimization", ["Kernels", "TensorIR"]),
    stage("Scheduling", ["Kernels", "MixFuseShared", "TensorIR"]),
    .target(
      name: "CTemplates", path: "Templates",
      exclude: ["README.md", "STYLE.md", "runtime", "update_table.sh"],
      sources: ["templates.c"]),
    stage("CEmission", ["CTemplates", "Kernels", "MixFuseShared", "Scheduling", "TensorIR"]),
    .target(name: "CLLVM"),
    stage("Toolchain", ["CLLVM", "Diagnostics", "MixFuseShared"]),
    stage(
      "MixFuse",
      [
        "CEmission", "Diagnostics", "Differentiation", "Elaboration", "Interpreter", "Kernels",
        "MixFuseRuntime", "MixFuseShared", "Optimization", "Scheduling", "SpecLanguage", "TensorIR",
        "Toolchain",
      ]),
    .executableTarget(
      name: "mixfuse",
      dependencies: [
        "MixFuse", "MixFuseRuntime", "MixFuseShared",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/mixfuse-command", swiftSettings: swiftSettings),

    // What users ship beside a generated library; needs no LLVM.
    .target(name: "CMixFuseThreads"),
    .systemLibrary(name: "CZlib"),
    stage("MixFuseRuntime", ["CMixFuseThreads", "CZlib", "MixFuseShared"]),

    // Writes the C that the scripts of Benchmarks/kernels measure.
    .executableTarget(
      name: "mixfuse-kernel-bench",
      dependencies: [
        "CEmission", "Differentiation", "Kernels", "MixFuse", "MixFuseShared", "Optimization",
        "Scheduling", "TensorIR",
      ],
      path: "Benchmarks/kernels/Emitter", swiftSettings: swiftSettings),

    // Tests. Those of the executable run it as a child process.
    .target(
      name: "TestSupport", dependencies: ["Interpreter", "MixFuseShared", "TensorIR"],
      path: "Tests/Support",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "mixfuse-soak",
      dependencies: [
        "CEmission", "Diagnostics", "Differentiation", "Interpreter", "Kernels", "MixFuse",
        "MixFuseRuntime", "Scheduling", "TensorIR", "TestSupport", "Toolchain",
      ],
      path: "Tests/Soak", exclude: ["C"], swiftSettings: swiftSettings),
    tests("Diagnostics"),
    tests("SpecLanguage", ["Diagnostics", "TestSupport"]),
    tests("TensorIR"),
    tests(
      "Elaboration",
      ["Diagnostics", "Interpreter", "MixFuseShared", "SpecLanguage", "TensorIR", "TestSupport"]),
    tests("Interpreter", ["TensorIR"]),
    tests("Differentiation", ["Interpreter", "MixFuseShared", "TensorIR"]),
    tests("Optimization", ["Interpreter", "TensorIR", "TestSupport"]),
    tests("Kernels", ["MixFuseShared", "TensorIR"]),
    tests(
      "Scheduling",
      [
        "CEmission", "Differentiation", "Interpreter", "Kernels", "Optimization", "TensorIR",
        "TestSupport", "Toolchain",
      ]),
    tests("CEmission", ["Kernels", "MixFuseShared", "TensorIR"]),
    tests("MixFuseShared"),
    tests("Toolchain", ["Diagnostics", "MixFuseShared"]),
    tests("MixFuseRuntime", ["CMixFuseThreads", "MixFuseShared"]),
    tests(
      "MixFuse",
      [
        "CEmission", "CTemplates", "Diagnostics", "Differentiation", "Elaboration", "Interpreter",
        "Kernels", "MixFuseRuntime", "MixFuseShared", "Scheduling", "SpecLanguage", "TensorIR",
        "TestSupport",
        "Toolchain",
      ]),
    .testTarget(
      name: "CommandTests", dependencies: ["MixFuseRuntime", "mixfuse"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "SoakTests", dependencies: ["mixfuse", "mixfuse-soak"], swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu2x
)
