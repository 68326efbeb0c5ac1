// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// A package of a user's: it depends on MixFuse for `MixFuseRuntime` alone and calls a generated
// library through its generated binding. A test builds and runs it (ClientTests.swift).

import PackageDescription

let package = Package(
  name: "runtime-client",
  dependencies: [.package(name: "mixfuse", path: "../../..")],
  targets: [
    .executableTarget(
      name: "RuntimeClient", dependencies: [.product(name: "MixFuseRuntime", package: "mixfuse")])
  ],
  swiftLanguageModes: [.v6]
)
