# The command in an image of its own: static, without a shell, not root.
#
#   docker build -t pcapmesh .
#   docker run --rm -v "$PWD:/captures" --user "$(id -u):$(id -g)" pcapmesh stitch eth0.pcap lo.pcap
#
# --user lets it write into the directory; reading needs it only where captures are
# private. Git's directory is part of the build, so that `pcapmesh version` knows the
# revision.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /pcapmesh ./cmd/pcapmesh

# Beside the binary there are a /tmp, for pipes and compressed captures, and a user.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /pcapmesh /usr/bin/pcapmesh
WORKDIR /captures
USER nonroot:nonroot
ENTRYPOINT ["/usr/bin/pcapmesh"]
