# What Stripe's own library makes of deliveries: a line of JSON for each on the input, its verdict in a line on the output.
import json
import sys

import stripe

for line in sys.stdin:
    delivery = json.loads(line)
    try:
        event = stripe.Webhook.construct_event(
            delivery["payload"], delivery["signature"], delivery["secret"]
        )
        print(f"{event['type']} {event['id']}")
    except stripe.SignatureVerificationError:
        print("not signed")
