// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// Meta-trains maml_sinusoid from Swift. The binding in Sources/Train was written by
//
//     mixfuse build ../maml_sinusoid.mix --emit swift -o Sources/Train

import PackageDescription

let package = Package(
  name: "maml-sinusoid-in-swift",
  dependencies: [.package(name: "mixfuse", path: "../..")],
  targets: [
    .executableTarget(
      name: "Train", dependencies: [.product(name: "MixFuseRuntime", package: "mixfuse")])
  ],
  swiftLanguageModes: [.v6]
)
