"""DynamoDB: a tag that is set again has one value ("TagResource", Amazon DynamoDB API Reference). moto keeps both."""

from __future__ import annotations

from ..operations import Answer, Call, operation


@operation("dynamodb", "TagResource")
def tag_resource(call: Call) -> Answer:
    """TagResource."""
    call.inner("UntagResource", ResourceArn=call.parameters["ResourceArn"],
               TagKeys=[tag["Key"] for tag in call.parameters["Tags"]])
    return call.inner()
