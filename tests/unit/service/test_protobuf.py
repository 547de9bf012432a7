"""The .proto text of classes that protoc made."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from kafkade.clients.protobuf import ROOT, compile_texts
from kafkade.service import ServiceError
from kafkade.service.protobuf import json_name, proto_text

PROTO3 = """\
syntax = "proto3";

package shop.events.v1;

import "google/protobuf/timestamp.proto";
import public "google/protobuf/wrappers.proto";

option java_package = "org.shop";
option optimize_for = CODE_SIZE;
option java_multiple_files = true;

message UserEvent {
  option deprecated = true;
  reserved 4, 100 to 199, 536870911;
  reserved "old", "older";
  enum Kind {
    option allow_alias = true;
    reserved -5 to -3, 2000 to max;
    KIND_UNKNOWN = 0;
    KIND_NEW = 1;
    KIND_FRESH = 1 [deprecated = true];
  }
  map<string, int64> counts = 1;
  message Address {
    message Country {
      string code = 1;
    }
    string street = 1;
    UserEvent.Address.Country country = 2;
  }
  map<int32, UserEvent.Address> addresses = 2;
  oneof what {
    string name = 3;
    UserEvent.Address address = 5;
  }
  optional int32 age = 6;
  repeated sint64 numbers = 7 [packed = false];
  google.protobuf.Timestamp at = 8;
  UserEvent.Kind kind = 9;
  bytes raw = 10 [json_name = "rawBytes", deprecated = true];
  repeated Other others = 11;
  oneof second {
    bool yes = 12;
  }
  UserEvent.Address.Country home = 13;
}

message Other {
  UserEvent.Kind kind = 1;
  .shop.events.v1.Address address = 2;
}

message Address {
  Level level = 1;
}

enum Level {
  LEVEL_NONE = 0;
}
"""

PROTO2 = """\
syntax = "proto2";

message Old {
  extensions 100 to max;
  required string id = 1;
  optional string name = 2 [default = "a \\"b\\"\\n\\303\\244"];
  optional bytes raw = 3 [default = "\\000\\377"];
  optional double ratio = 4 [default = -inf];
  optional Level level = 5 [default = HIGH];
  repeated uint32 numbers = 6 [packed = true];
  optional bool yes = 7 [default = true];
}

enum Level {
  LOW = 1;
  HIGH = 2;
}
"""


def classes(text: str, name: str, edit: Any = None) -> Any:
    """A class as protoc makes it of a text."""
    files = compile_texts({ROOT: text})
    pool = descriptor_pool.DescriptorPool()
    for imported, file in sorted(files.items(), key=lambda item: item[0] == ROOT):
        if imported == ROOT:
            file.name = "events.proto"
            if edit is not None:
                edit(file)
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


@pytest.mark.parametrize(("text", "name"), [(PROTO3, "shop.events.v1.UserEvent"), (PROTO2, "Old")])
def test_a_text_in_the_order_of_descriptors_comes_back_as_it_was(text: str, name: str) -> None:
    assert proto_text(classes(text, name)) == text


def test_services_are_left_out() -> None:
    text = PROTO3 + "\nservice Users {\n  rpc Get(Other) returns (UserEvent);\n}\n"
    assert "service" not in proto_text(classes(text, "shop.events.v1.Other"))


def add_extension(file: descriptor_pb2.FileDescriptorProto) -> None:
    file.extension.add(name="more", number=100, type=9, label=1, extendee=".Old")


def add_custom_option(file: descriptor_pb2.FileDescriptorProto) -> None:
    # field 50000 of FieldOptions, of an extension that nobody knows here
    file.message_type[0].field[0].options.MergeFromString(b"\x80\xb5\x18\x01")


def add_group(file: descriptor_pb2.FileDescriptorProto) -> None:
    file.message_type[0].nested_type.add(name="Part")
    file.message_type[0].field.add(name="part", number=9, type=10, label=1, type_name=".Old.Part")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (add_extension, r"events\.proto: it has extensions"),
        (add_custom_option, r"events\.proto has custom options"),
        (add_group, r"events\.proto: part is a group"),
    ],
)
def test_what_is_not_written_is_named(edit: Any, told: str) -> None:
    with pytest.raises(ServiceError, match=told):
        proto_text(classes(PROTO2, "Old", edit))


def test_imports_are_subjects_of_their_own() -> None:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(descriptor_pb2.FileDescriptorProto(name="money.proto").SerializeToString())
    file = descriptor_pb2.FileDescriptorProto(name="order.proto", dependency=["money.proto"], syntax="proto3")
    file.message_type.add(name="Order")
    pool.AddSerializedFile(file.SerializeToString())
    with pytest.raises(ServiceError, match=r"order\.proto: it imports money\.proto"):
        proto_text(message_factory.GetMessageClass(pool.FindMessageTypeByName("Order")))


def test_names_in_json() -> None:
    assert [json_name(name) for name in ("user_id", "a_1", "_x", "plain")] == ["userId", "a1", "X", "plain"]
